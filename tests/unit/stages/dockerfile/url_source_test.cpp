// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/url_source.hpp"

#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "../temp_tree.hpp"
#include "base/error.hpp"
#include "base/handle.hpp"

namespace stages::dockerfile {
namespace {

using testing::HasSubstr;

/// Gives one answer to everybody who comes, on a port of loopback.
class Server {
 public:
  explicit Server(std::string answer) : answer_(std::move(answer)) {
    socket_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), size);
    ::listen(socket_.get(), 8);
    ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this] { serve(); });
  }
  ~Server() { ::shutdown(socket_.get(), SHUT_RDWR); }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  Server(Server&&) = delete;
  Server& operator=(Server&&) = delete;

  [[nodiscard]] std::string url(const std::string& path) const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }

 private:
  void serve() {
    while (true) {
      const base::FileDescriptor peer(::accept(socket_.get(), nullptr, nullptr));
      if (!peer) return;
      char request[4096];
      if (::recv(peer.get(), request, sizeof request, 0) <= 0) continue;
      ::send(peer.get(), answer_.data(), answer_.size(), MSG_NOSIGNAL);
    }
  }

  std::string answer_;
  base::FileDescriptor socket_;
  int port_ = 0;
  std::jthread thread_;
};

constexpr const char* kAnswer =
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n"
    "Last-Modified: Wed, 21 Oct 2015 07:28:00 GMT\r\n\r\nhello";
constexpr const char* kDigest =
    "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

class UrlSource : public testing::Test {
 protected:
  std::string failure(const std::string& url, const std::string& checksum) {
    try {
      fetch_url(http_, url, checksum, folder_.path(), "f", {});
      return "it is fetched";
    } catch (const base::Error& error) {
      return base::render(error);
    }
  }

  base::HttpClient http_{base::HttpClientOptions{}};
  TempTree folder_;
};

TEST_F(UrlSource, BecomesAFile) {
  const Server server(kAnswer);

  EXPECT_EQ(fetch_url(http_, server.url("/x/f?a=b"), "", folder_.path(), "f", {}).text(), kDigest);

  struct stat status {};
  ASSERT_EQ(::stat(folder_.path("f").c_str(), &status), 0);
  EXPECT_EQ(folder_.content("f"), "hello");
  EXPECT_EQ(status.st_mode & 07777U, 0600U);
  EXPECT_EQ(status.st_mtim.tv_sec, 1445412480);
}

TEST_F(UrlSource, Case186ChecksItsChecksum) {
  const Server server(kAnswer);
  const std::string other = "sha256:" + std::string(64, '0');

  EXPECT_THAT(failure(server.url("/f"), other),
              HasSubstr("digest mismatch " + std::string(kDigest)));
  EXPECT_THAT(failure(server.url("/f"), "md5:00"), HasSubstr("\"md5:00\" is no checksum"));
  std::filesystem::remove(folder_.path("f"));
  EXPECT_EQ(failure(server.url("/f"), kDigest), "it is fetched");
}

TEST_F(UrlSource, SaysWhatTheServerAnswered) {
  const Server server("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(failure(server.url("/f?token=hidden"), ""), HasSubstr("the server answered 404"));
  EXPECT_THAT(failure(server.url("/g?token=hidden"), ""), testing::Not(HasSubstr("hidden")));
  EXPECT_THAT(failure("https://user:hunter2@host/f", ""), testing::Not(HasSubstr("hunter2")));
  EXPECT_THAT(failure("ftp://host/f", ""), HasSubstr("it is no http or https URL"));
}

TEST_F(UrlSource, NamesItsFile) {
  EXPECT_EQ(file_name_of_url("https://h/a/b.tar?x=/y#/z"), "b.tar");
  EXPECT_EQ(file_name_of_url("https://h/"), "");
  EXPECT_EQ(file_name_of_url("https://h"), "");
  EXPECT_EQ(file_name_of_url("https://h/.."), "");
}

}  // namespace
}  // namespace stages::dockerfile
