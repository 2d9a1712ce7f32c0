package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/hutong-project/hutong/consensus"
	"github.com/hutong-project/hutong/consensus/store"
	"github.com/hutong-project/hutong/node/client"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/registry"
)

func (a *app) snapshot() *cobra.Command {
	return group("snapshot", "Save, inspect and restore the state of a province's cluster",
		a.snapshotSave(), a.snapshotInspect(), a.snapshotRestore())
}

type savedOutput struct {
	File  string `json:"file"`
	Bytes int64  `json:"bytes"`
	consensus.Label
}

func (a *app) snapshotSave() *cobra.Command {
	var address, tokenFile string
	c := &cobra.Command{
		Use: "save --node URL FILE", Args: cobra.ExactArgs(1),
		Short: "Save the whole state of a node into a new file; an operator's token is needed",
		RunE: func(c *cobra.Command, args []string) error {
			access, err := token(tokenFile)
			if err != nil {
				return err
			}
			node, err := client.New(address)
			if err != nil {
				return err
			}
			defer node.Close()
			out := savedOutput{File: args[0]}
			if out.Label, out.Bytes, err = saveSnapshot(c.Context(), node, access, args[0]); err != nil {
				return err
			}
			return a.emit(out, func(w io.Writer) {
				fmt.Fprintf(w, "%s: %d bytes, the state of %s at entry %d\n", out.File, out.Bytes, out.Province, out.Index)
			})
		},
	}
	c.Flags().StringVar(&address, "node", "", "address of a node, such as http://127.0.0.1:8101")
	c.Flags().StringVar(&tokenFile, "token-file", "", "file with an operator's access token (else the environment's "+tokenVariable+")")
	return require(c, "node")
}

// saveSnapshot writes beside the file, reads back what is on disk, and only then gives it its name. It replaces nothing.
func saveSnapshot(ctx context.Context, node *client.Client, access, path string) (label consensus.Label, n int64, err error) {
	if _, err := os.Lstat(path); err == nil {
		return label, 0, fmt.Errorf("saving a snapshot: there is a %s; name a new file", path)
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return label, 0, fmt.Errorf("saving a snapshot: %w", err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if n, err = node.Snapshot(ctx, access, f); err != nil {
		return label, n, err
	}
	if err = f.Sync(); err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err == nil {
		label, err = consensus.VerifyBackup(f)
	}
	if err == nil {
		err = os.Link(f.Name(), path)
	}
	if err != nil {
		err = fmt.Errorf("saving a snapshot: %w", err)
	}
	return label, n, err
}

type inspectOutput struct {
	File          string `json:"file"`
	FormatVersion int    `json:"formatVersion"`
	consensus.Label
	National  uint64              `json:"nationalList"` // sequence; 0: none
	Provinces []inspectedProvince `json:"provinces"`
}

type inspectedProvince struct {
	Province trust.Province `json:"province"`
	Local    bool           `json:"local"`
	Session  uint64         `json:"session"`  // of the head; 0: none
	Sequence uint64         `json:"sequence"` // of the head; 0: none
	List     uint64         `json:"trustList"`
	Log      uint64         `json:"log"` // leaves
}

func (a *app) snapshotInspect() *cobra.Command {
	return &cobra.Command{
		Use: "inspect FILE", Args: cobra.ExactArgs(1),
		Short: "Check a snapshot's digests and say what it holds; needs no node, and its size in the folder for temporary files",
		RunE: func(_ *cobra.Command, args []string) error {
			out, err := inspectSnapshot(args[0])
			if err != nil {
				return err
			}
			return a.emit(out, func(w io.Writer) {
				fmt.Fprintf(w, "%s: format %d, undamaged\n", out.File, out.FormatVersion)
				fmt.Fprintf(w, "cluster %s of province %s, by node %s at %s\n", out.Cluster, out.Province, out.Node, out.Made)
				fmt.Fprintf(w, "applied entry %d of term %d, national list %d\n", out.Index, out.Term, out.National)
				var t table
				t.row("province", "session", "head", "list", "log")
				for _, p := range out.Provinces {
					t.row(string(p.Province), strconv.FormatUint(p.Session, 10), strconv.FormatUint(p.Sequence, 10),
						strconv.FormatUint(p.List, 10), strconv.FormatUint(p.Log, 10))
				}
				t.print(w)
			})
		},
	}
}

func inspectSnapshot(path string) (out inspectOutput, err error) {
	f, err := os.Open(path)
	if err != nil {
		return out, fmt.Errorf("inspecting a snapshot: %w", err)
	}
	defer f.Close()
	dir, err := os.MkdirTemp("", "hutong-snapshot-")
	if err != nil {
		return out, fmt.Errorf("inspecting a snapshot: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	label, view, err := consensus.InspectBackup(f, store.Disk, dir)
	if err != nil {
		return out, fmt.Errorf("inspecting %s: %w", path, err)
	}
	out = inspectOutput{File: path, FormatVersion: consensus.BackupVersion, Label: label, Provinces: inspected(view)}
	if view.National != nil {
		out.National = view.National.Sequence
	}
	return out, nil
}

func inspected(v *registry.View) []inspectedProvince {
	all := []inspectedProvince{}
	for _, code := range v.Codes() {
		p := v.Provinces[code]
		line := inspectedProvince{Province: code, Local: p.Local, Log: p.Log.Size}
		if p.Head != nil {
			line.Session, line.Sequence = p.Head.Session, p.Head.Sequence
		}
		if p.List != nil {
			line.List = p.List.Number
		}
		all = append(all, line)
	}
	return all
}
