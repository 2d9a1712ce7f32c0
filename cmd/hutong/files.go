package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/hutong-project/hutong/cmd/internal/folder"
	"github.com/hutong-project/hutong/node/keyfile"
	"github.com/hutong-project/hutong/trust"
)

// tokenVariable is the environment variable with the access token when no file is named.
const tokenVariable = "HUTONG_TOKEN"

// maxCredential is what a node reads of one credential.
const maxCredential = 64 << 10

// changing loads a folder while nobody else changes it and calls do.
func changing[T any](dir string, load func(dir string) (T, error), do func(T) error) error {
	if !folder.Exists(dir) {
		return fmt.Errorf("opening %s: %w", dir, fs.ErrNotExist)
	}
	unlock, err := folder.Lock(dir)
	if err != nil {
		return err
	}
	defer unlock()
	f, err := load(dir)
	if err != nil {
		return err
	}
	return do(f)
}

// token returns the access token from a file that its owner alone can read, or from the environment.
func token(file string) (string, error) {
	text := os.Getenv(tokenVariable)
	if file != "" {
		data, err := keyfile.Read(file)
		if err != nil {
			return "", err
		}
		text = string(data)
	}
	if text = strings.TrimSpace(text); text == "" {
		return "", errors.New("no access token: set " + tokenVariable + " or name a --token-file; `hutong province token add` makes one")
	}
	return text, nil
}

// credentialText returns the credential that an argument names: its text, a file that holds it, or - for standard
// input. Spaces are part of some codes; only line ends at the end are dropped.
func (a *app) credentialText(argument string) (string, error) {
	if argument == "-" {
		return readCredential(a.in)
	}
	f, err := os.Open(argument)
	if err == nil {
		defer f.Close()
		return readCredential(f)
	}
	if len(argument) > 3 && argument[3] == ':' { // every format's prefix
		return argument, nil
	}
	return "", fmt.Errorf("%.60q is neither a file nor the text of a credential, such as HT1:…; - reads standard input", argument)
}

func readCredential(r io.Reader) (string, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxCredential+1))
	if err != nil {
		return "", fmt.Errorf("reading the credential: %w", err)
	}
	if len(data) > maxCredential {
		return "", trust.Refuse(trust.TooLarge, "the credential has more than %d bytes", maxCredential)
	}
	return strings.TrimRight(string(data), "\r\n"), nil
}
