# Nothing here, so that a login does not read all completions: /etc/bash.bashrc does at the first Tab.
