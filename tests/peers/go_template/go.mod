module osartifact.test/go_template

go 1.21
