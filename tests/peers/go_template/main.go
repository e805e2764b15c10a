// SPDX-License-Identifier: Apache-2.0

// What Go's text/template makes of templates, rendered as the Kairos operator renders them: reads
// [{"template", "values"}], writes [{"ok", "text"}].
package main

import (
	"encoding/json"
	"os"
	"strings"
	"text/template"
)

type question struct {
	Template []byte            `json:"template"`
	Values   map[string]string `json:"values"`
}

type answer struct {
	OK    bool   `json:"ok"`
	Text  []byte `json:"text"`
	Error string `json:"error"`
}

func render(q question) answer {
	parsed, err := template.New("it").Option("missingkey=zero").Parse(string(q.Template))
	if err != nil {
		return answer{Error: err.Error()}
	}
	var out strings.Builder
	if err := parsed.Execute(&out, q.Values); err != nil {
		return answer{Error: err.Error()}
	}
	return answer{OK: true, Text: []byte(out.String())}
}

func main() {
	var questions []question
	if err := json.NewDecoder(os.Stdin).Decode(&questions); err != nil {
		panic(err)
	}
	answers := []answer{}
	for _, q := range questions {
		answers = append(answers, render(q))
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		panic(err)
	}
}
