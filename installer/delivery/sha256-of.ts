/**
 * Shell: `sha256_of FILE` prints a file's SHA-256, hexadecimal, and its name. openssl, where a host has it, uses what the
 * processor has for this; Debian 12's sha256sum does not, and needs half a second for the executable.
 */
export const SHA256_OF = 'sha256_of() { openssl dgst -sha256 -r "$1" 2> /dev/null || sha256sum "$1"; }'
