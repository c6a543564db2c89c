package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"scalar/cmd/bsp/internal/cluster"
	"scalar/cmd/bsp/internal/fault"
)

func (a *app) keyringCmd() *cobra.Command {
	c := group("keyring", "Change the gossip key without downtime", a.keyringListCmd(), a.keyringAddCmd(), a.keyringUseCmd(), a.keyringRemoveCmd())
	c.Long = `Change the gossip key without downtime. A file of gossip keys may hold several, one a line: a daemon
encrypts with the first and understands all. In three steps, each of which must have reached every
daemon (within a minute, or at once on SIGHUP) before the next one, no daemon falls out:

  1. bsp operator keyring add         a new key; copy the file to all machines
  2. bsp operator keyring use NEW     it is the first now; copy the file to all machines
  3. bsp operator keyring remove OLD  and copy the file to all machines`
	return c
}

// gossipKey is what is shown of one.
type gossipKey struct {
	ID   string `json:"id"`   // digits of its SHA-256
	Used bool   `json:"used"` // it encrypts what is sent
}

func (a *app) keyringListCmd() *cobra.Command {
	var file string
	return keyFile(&file, a.outputFlag(&cobra.Command{
		Use: useList, Short: "List the keys in a file by id", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, keys, err := readKeys(file)
			if err != nil {
				return err
			}
			list := []gossipKey{}
			for i, k := range keys {
				list = append(list, gossipKey{cluster.KeyID(k), i == 0})
			}
			return a.print(list, func() rows {
				r := rows{head: words("id used")}
				for _, k := range list {
					used := "understood"
					if k.Used {
						used = "sent with"
					}
					r.add(k.ID, used)
				}
				return r
			})
		},
	}))
}

func (a *app) keyringAddCmd() *cobra.Command {
	var file string
	return keyFile(&file, &cobra.Command{
		Use: "add", Short: "Add a new key, which is understood and not used yet, and print its id", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			key := cluster.NewKey()
			err := editKeys(file, func(keys [][]byte) ([][]byte, error) { return append(keys, key), nil })
			if err == nil {
				_, err = fmt.Fprintln(a.stdout, cluster.KeyID(key))
			}
			return err
		},
	})
}

func (a *app) keyringUseCmd() *cobra.Command {
	var file string
	return keyFile(&file, &cobra.Command{
		Use: "use ID", Short: "Use a key that all daemons understand by now", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return editKeys(file, func(keys [][]byte) ([][]byte, error) {
				i, err := findKey(keys, args[0])
				if err != nil {
					return nil, err
				}
				return append([][]byte{keys[i]}, slices.Delete(slices.Clone(keys), i, i+1)...), nil
			})
		},
	})
}

func (a *app) keyringRemoveCmd() *cobra.Command {
	var file string
	return keyFile(&file, &cobra.Command{
		Use: "remove ID", Short: "Remove a key that no daemon uses any more", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return editKeys(file, func(keys [][]byte) ([][]byte, error) {
				i, err := findKey(keys, args[0])
				if err != nil {
					return nil, err
				}
				if i == 0 {
					return nil, fault.Usage("%s is the key that is used: `bsp operator keyring use` another one first, everywhere", args[0])
				}
				return slices.Delete(keys, i, i+1), nil
			})
		},
	})
}

// keyFile adds the flag that says which file is meant.
func keyFile(file *string, c *cobra.Command) *cobra.Command {
	c.Flags().StringVar(file, "file", "gossip.key", "file of gossip keys, one a line")
	return c
}

// readKeys also returns the path of the file, without links.
func readKeys(file string) (path string, keys [][]byte, err error) {
	path, err = filepath.EvalSymlinks(file)
	if err != nil {
		return "", nil, notFound(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", nil, notFound(err)
	}
	if keys, err = cluster.ParseKeys(text); err != nil {
		return "", nil, fault.Usage("%s: %w", file, err)
	}
	return path, keys, nil
}

// notFound gives the exit code to an error about a file that is not there.
func notFound(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fault.NotFound("%w", err)
	}
	return err
}

// editKeys replaces the file at once.
func editKeys(file string, edit func(keys [][]byte) ([][]byte, error)) error {
	path, keys, err := readKeys(file)
	if err != nil {
		return err
	}
	if keys, err = edit(keys); err != nil {
		return err
	}
	return cluster.WriteFile(path, cluster.FormatKeys(keys))
}

func findKey(keys [][]byte, id string) (int, error) {
	i := slices.IndexFunc(keys, func(k []byte) bool { return cluster.KeyID(k) == id })
	if i < 0 {
		return 0, fault.NotFound("no key %q (bsp operator keyring list)", id)
	}
	return i, nil
}
