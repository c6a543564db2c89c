package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
)

// ownerFile is the file of a store that names the cluster that it belongs to.
const ownerFile = "cluster"

const maxClusterID = 256 // bytes of a cluster's id

// An OwnerError says that a store is another cluster's.
type OwnerError struct {
	Store string // URL
	Owner string // UUID of the cluster that it belongs to
}

// Error returns one line for the operator.
func (e *OwnerError) Error() string {
	return fmt.Sprintf("store %s belongs to cluster %s: give this cluster a store of its own, or restore a snapshot of that cluster into it (bsp operator snapshot restore)", e.Store, e.Owner)
}

// Owner returns the id of the cluster that a store belongs to; "" while it is nobody's.
func Owner(ctx context.Context, store string) (string, error) {
	f, err := Local().Open(ctx, ownerURL(store))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("owner of store %s: %w", store, err)
	}
	defer func() { _ = f.Close() }() // only read
	b, err := io.ReadAll(io.NewSectionReader(f, 0, maxClusterID+1))
	if err != nil {
		return "", fmt.Errorf("owner of store %s: %w", store, err)
	}
	owner, whole := strings.CutSuffix(string(b), "\n")
	if !whole || owner == "" || strings.ContainsAny(owner, " \n\r\t\x00") {
		return "", fmt.Errorf("owner of store %s: %w: %s holds no line with a cluster's id", store, ErrCorrupt, Display(ownerURL(store)))
	}
	return owner, nil
}

// CheckOwner returns an *OwnerError unless the store belongs to the cluster.
func CheckOwner(ctx context.Context, store, cluster string) error {
	owner, err := Owner(ctx, store)
	switch {
	case err != nil:
		return err
	case owner == "":
		return fmt.Errorf("store %s belongs to no cluster yet", store)
	case owner != cluster || cluster == "":
		return &OwnerError{store, owner}
	}
	return nil
}

// Claim makes a store the cluster's. A store that is nobody's, a new one or one from
// before stores had owners, is taken, and so is one of the clusters in heirOf, whose
// state this cluster has taken over. A store of any other cluster is an *OwnerError.
func Claim(ctx context.Context, store, cluster string, heirOf ...string) error {
	if cluster == "" || len(cluster) >= maxClusterID {
		return fmt.Errorf("claim store %s: cluster %q", store, cluster)
	}
	owner, err := Owner(ctx, store)
	switch {
	case err != nil:
		return err
	case owner == cluster:
		return nil
	case owner != "" && !slices.Contains(heirOf, owner):
		return &OwnerError{store, owner}
	}
	if _, _, err := WriteBlob(ctx, ownerURL(store), strings.NewReader(cluster+"\n")); err != nil {
		return fmt.Errorf("claim store %s: %w", store, err)
	}
	return CheckOwner(ctx, store, cluster) // another one may have done the same
}

func ownerURL(store string) string { return strings.TrimRight(store, "/") + "/" + ownerFile }
