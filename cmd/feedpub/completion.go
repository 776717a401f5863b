package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newCompletion(env *environment) *cobra.Command {
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print a completion script for a shell",
		Long:  "Print a script that makes bash, zsh, fish or powershell complete feedpub's commands and flags.",
		Example: `  source <(feedpub completion bash)                                       # in this shell
  feedpub completion fish > ~/.config/fish/completions/feedpub.fish       # in every new shell
  feedpub completion bash > /usr/share/bash-completion/completions/feedpub`,
		Args:      exactArgs("one of bash, zsh, fish and powershell"),
		ValidArgs: []string{"bash", "zsh", "fish", "powershell"},
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			var err error
			switch args[0] {
			case "bash":
				err = root.GenBashCompletionV2(env.stdout, true)
			case "zsh":
				err = root.GenZshCompletion(env.stdout)
			case "fish":
				err = root.GenFishCompletion(env.stdout, true)
			case "powershell":
				err = root.GenPowerShellCompletionWithDesc(env.stdout)
			default:
				return misused(cmd, fmt.Sprintf("want bash, zsh, fish or powershell, got %q", args[0]))
			}
			if err != nil {
				return fmt.Errorf("write the completion script: %w", err)
			}
			return nil
		},
	}
}
