package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"scalar/bsp/client"
	"scalar/bsp/job"
	"scalar/cmd/bsp/internal/fault"
)

func (a *app) aclCmd() *cobra.Command {
	return group("acl", "Say who may do what",
		group("token", "Create, list and revoke tokens", a.tokenCreateCmd(), a.tokenListCmd(), a.tokenRevokeCmd()))
}

func (a *app) tokenCreateCmd() *cobra.Command {
	var t client.NewToken
	var role string
	c := &cobra.Command{
		Use: "create NAME", Short: "Create a token and print its secret, this once", Args: cobra.ExactArgs(1),
		Long: `Create a token and print its secret, this once: the cluster keeps only a hash.

Roles, each with the rights of those before it: viewer (read), submitter (submit and stop jobs of
its namespace), operator (stop any job, drain nodes), admin (tokens).`,
		Example: "  bsp acl token create alice --role submitter --namespace research",
		RunE: a.withClient(func(ctx context.Context, c *client.Client, args []string) error {
			t.Name, t.Role = args[0], job.Role(role)
			if !t.Role.Allows(job.Viewer) {
				return fault.Usage("--role %q: want viewer, submitter, operator or admin", role)
			}
			token, err := c.CreateToken(ctx, t)
			if err != nil {
				return err
			}
			if a.format == formatTable {
				_, err = fmt.Fprintln(a.stdout, token.Secret)
				return err
			}
			return a.print(token, nil)
		}),
	}
	c.Flags().StringVar(&role, "role", string(job.Submitter), "viewer, submitter, operator or admin")
	c.Flags().StringVar(&t.Namespace, "namespace", "", "namespace, or * for all (default \"default\"; * for operators and admins)")
	_ = c.RegisterFlagCompletionFunc("role", cobra.FixedCompletions([]string{"viewer", "submitter", "operator", "admin"}, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
	return a.outputFlag(c)
}

func (a *app) tokenListCmd() *cobra.Command {
	return a.outputFlag(&cobra.Command{
		Use: useList, Short: "List tokens, without their secrets", Args: cobra.NoArgs,
		RunE: a.withClient(func(ctx context.Context, c *client.Client, _ []string) error {
			tokens, err := c.Tokens(ctx)
			if err != nil {
				return err
			}
			if tokens == nil {
				tokens = []job.Token{}
			}
			return a.print(tokens, func() rows {
				r := rows{head: words("id name role namespace created")}
				for _, t := range tokens {
					r.add(t.ID, t.Name, t.Role, t.Namespace, ago(t.Created))
				}
				return r
			})
		}),
	})
}

func (a *app) tokenRevokeCmd() *cobra.Command {
	return &cobra.Command{
		Use: "revoke ID", Short: "End a token", Args: cobra.ExactArgs(1),
		RunE: a.withClient(func(ctx context.Context, c *client.Client, args []string) error {
			if err := c.RevokeToken(ctx, args[0]); err != nil {
				return err
			}
			_, err := fmt.Fprintf(a.stderr, "token %s ends now\n", args[0])
			return err
		}),
	}
}
