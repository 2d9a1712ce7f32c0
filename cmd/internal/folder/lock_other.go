//go:build !unix

package folder

// Lock does nothing here: on this system, run one command at a time in a folder.
func Lock(string) (unlock func(), err error) { return func() {}, nil }
