package main

import (
	"encoding/json"
	"os"
	"testing"
	"time"
)

// The table that the packages of all languages read: bindings as they are made, and what is wrong.
const bindingTable = "../../crates/upcall/tests/vectors/binding.json"

func TestBindings(t *testing.T) {
	var table struct {
		Grace int64
		Make  []struct {
			Name, Secret, Token string
			Permission          permission
		}
		Verify []struct {
			Name                  string
			Secrets               []string
			Token, Bucket, Object string // empty for null
			Now                   int64
			Result                json.RawMessage
		}
	}
	text, err := os.ReadFile(bindingTable)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &table); err != nil {
		t.Fatal(err)
	}
	if len(table.Make) < 11 || len(table.Verify) < 60 || table.Grace != int64(bindingGrace/time.Second) {
		t.Fatal("the table has few rows, or another grace")
	}
	bindingOf := func(secrets ...string) *binding {
		b := &binding{}
		for _, secret := range secrets {
			b.keys = append(b.keys, sha256MAC([]byte(secret), "upcall-binding-v1"))
		}
		return b
	}
	for _, row := range table.Make {
		if got := bindingOf(row.Secret).make(row.Permission); got != row.Token {
			t.Errorf("%s: %s, but it must be %s", row.Name, got, row.Token)
		}
	}
	for _, row := range table.Verify {
		got, err := bindingOf(row.Secrets...).verify(row.Token, row.Bucket, row.Object, time.Unix(row.Now, 0))
		var wanted permission
		var code string
		if json.Unmarshal(row.Result, &code) != nil {
			if err := json.Unmarshal(row.Result, &wanted); err != nil {
				t.Fatal(err)
			}
		}
		same, _ := json.Marshal(got)
		other, _ := json.Marshal(wanted)
		if (err == nil) != (code == "") || err != nil && err.Error() != code || string(same) != string(other) {
			t.Errorf("%s: %s %v, but it must be %s", row.Name, same, err, row.Result)
		}
	}
}

func TestSecretsOfBindings(t *testing.T) {
	for _, short := range []string{"aaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaa,b"} {
		if _, err := newBinding(short, "sk"); err == nil {
			t.Errorf("%s was taken", short)
		}
	}
	prefix := ""
	p := permission{Bucket: "b", Prefix: &prefix, Expires: 1}
	two, _ := newBinding("aaaaaaaaaaaaaaaa,bbbbbbbbbbbbbbbb", "sk")
	second, _ := newBinding("bbbbbbbbbbbbbbbb", "sk")
	own, _ := newBinding("", "sk")
	if _, err := two.verify(second.make(p), "b", "k", time.Unix(1, 0)); err != nil {
		t.Error(err)
	}
	if _, err := two.verify(own.make(p), "b", "k", time.Unix(1, 0)); err == nil {
		t.Error("the access key secret counts beside BINDING_SECRET")
	}
}
