// Names of the commands that come with the shell (just-bash), so that it need not be loaded to learn that a command is not there.

const NAMES = new Set(
  (
    'echo cat printf ls mkdir rmdir touch rm cp mv ln chmod pwd readlink head tail wc stat grep fgrep egrep rg sed awk sort uniq ' +
    'comm cut paste tr rev nl fold expand unexpand strings split column join tee find basename dirname tree du env printenv alias ' +
    'unalias history xargs true false clear bash sh jq base64 diff date sleep timeout time seq expr md5sum sha1sum sha256sum file ' +
    'html-to-markdown help which tac hostname whoami od gzip gunzip zcat tar yq xan sqlite3'
  ).split(' '),
);
/** Builtins that are commands of their own on a real system as well. */
const BUILTINS = new Set(['test', '[', 'kill', 'read', 'type', 'command']);

export const isShellCommand = (name: string): boolean => NAMES.has(name) || BUILTINS.has(name);
export const SHELL_COMMANDS: ReadonlySet<string> = NAMES;
