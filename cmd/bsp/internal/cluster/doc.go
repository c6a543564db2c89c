// Package cluster knows where a cluster's credentials lie: the folder that bsp
// init and bsp dev make, and the contexts of the person who calls bsp.
//
// The folder, of which every file belongs to its owner alone (0600):
//
//	ca.pem ca.key            the authority that signs the daemons' certificates
//	NAME.pem NAME.key        a daemon's certificate and key
//	gossip.key               keys of 32 bytes, one a line, base64
//	admin.token              the first token, role admin
//	context.yaml             where to find the masters; written when they are up
//
// Contexts lie in $XDG_CONFIG_HOME/bsp/contexts.yaml.
package cluster
