// The iptables command as daemons call it from a program (github.com/coreos/go-iptables): check before append, chains made
// and emptied. Rules are words, as on a command line; what they mean is the netfilter room's.

/** Runs `iptables ARGV` and says how it went. */
export type IptablesRun = (argv: readonly string[]) => {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
};

export class IptablesError extends Error {
  readonly exitCode: number;
  constructor(argv: readonly string[], exitCode: number, stderr: string) {
    super(`running [iptables ${argv.join(' ')}]: exit status ${exitCode}: ${stderr.trim()}`);
    this.exitCode = exitCode;
  }
}

export class IptablesTool {
  readonly #run: IptablesRun;
  constructor(run: IptablesRun) {
    this.#run = run;
  }

  /** Runs a command. Throws IptablesError when it fails. */
  run(...argv: string[]): string {
    const { exitCode, stdout, stderr } = this.#run(argv);
    if (exitCode !== 0) throw new IptablesError(argv, exitCode, stderr);
    return stdout;
  }
  /** The same; false when it fails. */
  try(...argv: string[]): boolean {
    return this.#run(argv).exitCode === 0;
  }

  exists(table: string, chain: string, rule: readonly string[]): boolean {
    return this.try('-t', table, '-C', chain, ...rule);
  }
  append(table: string, chain: string, rule: readonly string[]): void {
    this.run('-t', table, '-A', chain, ...rule);
  }
  appendUnique(table: string, chain: string, rule: readonly string[]): void {
    if (!this.exists(table, chain, rule)) this.append(table, chain, rule);
  }
  insertUnique(table: string, chain: string, at: number, rule: readonly string[]): void {
    if (!this.exists(table, chain, rule)) this.run('-t', table, '-I', chain, String(at), ...rule);
  }
  deleteIfExists(table: string, chain: string, rule: readonly string[]): void {
    if (this.exists(table, chain, rule)) this.run('-t', table, '-D', chain, ...rule);
  }

  chainExists(table: string, chain: string): boolean {
    return this.try('-t', table, '-S', chain);
  }
  ensureChain(table: string, chain: string): void {
    if (!this.chainExists(table, chain)) this.run('-t', table, '-N', chain);
  }
  /** Empties the chain; makes it when it is not there. */
  clearChain(table: string, chain: string): void {
    this.ensureChain(table, chain);
    this.run('-t', table, '-F', chain);
  }
  deleteChain(table: string, chain: string): void {
    if (!this.chainExists(table, chain)) return;
    this.run('-t', table, '-F', chain);
    this.run('-t', table, '-X', chain);
  }
  /** The rules of a chain as `-S` prints them. */
  list(table: string, chain: string): string[] {
    return this.run('-t', table, '-S', chain)
      .split('\n')
      .filter((line) => line.startsWith('-A '));
  }
}
