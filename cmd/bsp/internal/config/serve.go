package config

import (
	"time"

	"scalar/serving/host"
	"scalar/serving/httpd"
	"scalar/serving/limit"
)

// Serve is the configuration of bsp serve. Paths are relative to the working folder.
type Serve struct {
	Model    []string `help:"NAME=DIR: a model, or a folder with its versions 1, 2, …; may be given again" yaml:"model"`
	Models   string   `help:"folder of models, by name, which is watched"                                  yaml:"models"`
	Listen   string   `help:"host:port (default 127.0.0.1:7400)"                                           yaml:"listen"`
	Insecure bool     `help:"plain HTTP, without tokens; everyone is the namespace default"                yaml:"insecure"`
	Cert     string   `help:"file: certificate, PEM"                                                       yaml:"cert"`
	Key      string   `help:"file: the certificate's key, PEM"                                             yaml:"key"`
	Data     string   `help:"folder for a certificate and a token that are made if there are none"         yaml:"data"`
	Wait     bool     `help:"where no model can be served, wait until one can, instead of ending"          yaml:"wait"`

	Cores     int           `help:"requests that a version computes at once (default: the cores)"          yaml:"cores"`
	MaxBytes  Size          `help:"memory of all models together (default 16GiB)"                          yaml:"max_bytes"`
	BatchRows int           `help:"rows of a batch at most (default 32)"                                   yaml:"batch_rows"`
	QueueRows int           `help:"rows that may wait for a version (default 1024)"                        yaml:"queue_rows"`
	Poll      time.Duration `help:"how often watched folders are looked at (default 1s)"                   yaml:"poll"`

	MaxBody       Size          `help:"largest body of a request, decompressed too (default 64MiB)"        yaml:"max_body"`
	MaxBodies     Size          `help:"memory of all requests together (default 1GiB, or half of what the process may have)"         yaml:"max_bodies"`
	MaxConns      int           `help:"connections at once (default 16384)"                                yaml:"max_conns"`
	HeaderTimeout time.Duration `help:"for a request's header (default 10s)"                               yaml:"header_timeout"`
	BodyTimeout   time.Duration `help:"for its body (default 1m)"                                          yaml:"body_timeout"`
	IdleTimeout   time.Duration `help:"between the requests of a connection (default 2m)"                  yaml:"idle_timeout"`
	Drain         time.Duration `help:"for the last requests at the end (default 30s)"                     yaml:"drain"`

	AccessLog string `help:"file that gets a line of JSON a request; -: stderr (default: none)"            yaml:"access_log"`
	LogLevel  string `help:"debug, info, warn or error (default info)"                                     yaml:"log_level"`
	LogFormat string `help:"text or json (default text)"                                                   yaml:"log_format"`

	// Only in the file.
	Keys    []httpd.Key                 `flag:"-" yaml:"keys"`    // whom tokens belong to
	Routing map[string]host.ModelConfig `flag:"-" yaml:"routing"` // by model: labels, traffic, shadow, namespaces
	Quotas  map[string]limit.Quota      `flag:"-" yaml:"quotas"`  // by namespace
	Caches  map[string]Cache            `flag:"-" yaml:"caches"`  // by model
}

// A Cache says how much is kept of a model's answers, and for how long.
type Cache struct {
	MaxBytes Size          `yaml:"max_bytes"` // of keys and answers; 0: nothing is kept
	TTL      time.Duration `yaml:"ttl"`       // 0: for ever
}
