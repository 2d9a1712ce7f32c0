package client

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/hutong-project/hutong/node/httpapi"
	"github.com/hutong-project/hutong/trust/strictjson"
)

// Snapshot writes a backup of the node's whole state to w, however long that takes, and returns its size. Whether all of
// it arrived only its own digest tells: see consensus.VerifyBackup.
func (c *Client) Snapshot(ctx context.Context, token string, w io.Writer) (int64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/v1/snapshot", nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	unbounded := *c.http
	unbounded.Timeout = 0
	resp, err := unbounded.Do(req)
	if err != nil {
		return 0, fmt.Errorf("asking a node: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		n, err := io.Copy(w, resp.Body)
		if err != nil {
			err = fmt.Errorf("reading the snapshot of %s: %w", c.base, err)
		}
		return n, err
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return 0, fmt.Errorf("reading the answer of %s: %w", c.base, err)
	}
	var p httpapi.Problem
	if err := strictjson.Unmarshal(answer, &p); err != nil {
		return 0, fmt.Errorf("asking %s: %w: status %s", c.base, ErrAnswer, resp.Status)
	}
	return 0, &ProblemError{p}
}
