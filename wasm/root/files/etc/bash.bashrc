# For every interactive bash of the guest.
[ -z "$PS1" ] && return

shopt -s checkwinsize histappend
PS1='\u@\h:\w\$ '

# Completions are read at the first Tab, not at the prompt: they are two thousand lines of shell.
_first_completion() {
  unset -f _first_completion
  complete -r -D
  . /usr/share/bash-completion/bash_completion && return 124
}
complete -D -F _first_completion
