# For every interactive bash of the guest.
[ -z "$PS1" ] && return

shopt -s checkwinsize histappend
PS1='\u@\h:\w\$ '
# A tab that is closed tells nobody: each command is kept when it is done. Built in, so it starts no program.
PROMPT_COMMAND='history -a'

# Completions are read at the first Tab, not at the prompt: they are two thousand lines of shell.
_first_completion() {
  unset -f _first_completion
  complete -r -D
  . /usr/share/bash-completion/bash_completion
  # It asks bash to begin anew, which this Tab's own answer could not do twice.
  _completion_loader "$@"
}
complete -D -F _first_completion
