// The three programs, as functions on a namespace: iptables, iptables-restore and iptables-save, version 1.8.9 (nf_tables),
// whose words, exit codes and layout they have.
import type { Netns } from '../../netns/netns.ts';
import { KernelRefusal } from '../tables/edit.ts';
import { XtError } from '../tables/extension.ts';
import { run } from './execute.ts';
import { parseCommand } from './parse.ts';

export const VERSION = 'v1.8.9 (nf_tables)';

/** What a program leaves behind. */
export interface ToolResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const HELP = `Usage: iptables -[ACD] chain rule-specification [options]
       iptables -I chain [rulenum] rule-specification [options]
       iptables -R chain rulenum rule-specification [options]
       iptables -D chain rulenum [options]
       iptables -[LS] [chain [rulenum]] [options]
       iptables -[FZ] [chain] [options]
       iptables -[NX] chain
       iptables -E old-chain-name new-chain-name
       iptables -P chain target [options]
`;

const tryHelp = (tool: string): string => `Try \`${tool} -h' or '${tool} --help' for more information.\n`;

/** What xtables_error, or nft_strerror at the end of main, prints for it. */
export function errorText(tool: string, error: XtError, line?: number): string {
  if (error instanceof KernelRefusal)
    return line === undefined
      ? `${tool} ${VERSION}:  ${error.message}\n`
      : `${tool} ${VERSION}: \nline ${line}: ${error.message}\n`;
  if (error.exit === 2) {
    const text = error.prefix === 'bare' ? error.message : `${tool} ${VERSION}: ${error.message}`;
    const where = line === undefined ? '' : `Error occurred at line: ${line}\n`;
    return `${text}\n${where}${tryHelp(tool)}`;
  }
  if (error.prefix === 'name')
    return line === undefined
      ? `${tool}: ${error.message}\n`
      : `${tool}: line ${line} failed: ${error.message}\n`;
  return `${tool} ${VERSION}: ${error.message}\n`;
}

/** Runs `iptables ARGV`, the program's name not included. */
export function iptables(ns: Netns, argv: readonly string[]): ToolResult {
  try {
    const parsed = parseCommand(argv);
    if (parsed === 'version') return { code: 0, stdout: `iptables ${VERSION}\n`, stderr: '' };
    if (parsed === 'help') return { code: 0, stdout: `iptables ${VERSION}\n\n${HELP}`, stderr: '' };
    return { code: 0, stdout: run(ns, parsed), stderr: '' };
  } catch (error) {
    if (!(error instanceof XtError)) throw error;
    return { code: error.exit, stdout: '', stderr: errorText('iptables', error) };
  }
}
