#!/bin/sh
# `python` and `pip` are there by these names, and pip may install into the image. usage: finish.sh ROOT
set -eu
root=$1
ln -s ../../bin/python3 "$root/usr/local/bin/python"
rm -f "$root"/usr/lib/python3*/EXTERNALLY-MANAGED
# What pip would ask about at each call, with no way out.
printf '[global]\ndisable-pip-version-check = true\nroot-user-action = ignore\n' >"$root/etc/pip.conf"
# Half of the image would be bytecode; what is seldom imported does without.
rm -rf "$root"/usr/lib/python3.*/test
for name in python3.*/lib2to3 python3.*/pydoc_data python3.*/distutils python3/dist-packages/setuptools \
  python3/dist-packages/pkg_resources; do
  find "$root"/usr/lib/$name -name __pycache__ -prune -exec rm -rf {} +
done
