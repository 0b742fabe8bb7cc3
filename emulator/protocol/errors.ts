// What a node or the supervisor can answer instead of a result: the one table of stable codes, from which the
// reference page is printed too. A code is for programs, the sentence for people; `detail` names the thing.

export const ERROR_CODES = {
  E_VERSION: 'the other side speaks another version of this protocol',
  E_AUTH: 'the other side does not know the cluster secret',
  E_MALFORMED: 'the message cannot be read',
  E_TOO_LARGE: 'the message is larger than its kind may be',
  E_UNKNOWN_TYPE: 'this node does not know this kind of message',
  E_NOT_READY: 'the node has not started yet',
  E_NOT_FOUND: 'there is no such thing on this node',
  E_EXISTS: 'there is such a thing already',
  E_INVALID: 'the request makes no sense',
  E_CONFIG: 'the node cannot be set up as its configuration says',
  E_UNSUPPORTED: 'this cannot be done here',
  E_BUSY: 'too many of these are under way',
  E_TIMEOUT: 'no answer came in time',
  E_CLOSED: 'the connection to the node is gone',
  E_START: 'the node process could not be started',
  E_EXITED: 'the node process has ended',
  E_STOPPED: 'the cluster is being shut down',
  E_INTERNAL: 'the node failed while handling the request',
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

export class ProtocolError extends Error {
  readonly code: ErrorCode;
  constructor(code: ErrorCode, detail?: string) {
    super(detail === undefined ? ERROR_CODES[code] : `${ERROR_CODES[code]}: ${detail}`);
    this.name = 'ProtocolError';
    this.code = code;
  }
}

/** What to answer for anything that was thrown. */
export function toErrorCode(error: unknown): { readonly code: ErrorCode; readonly message: string } {
  if (error instanceof ProtocolError) return { code: error.code, message: error.message };
  return { code: 'E_INTERNAL', message: error instanceof Error ? error.message : String(error) };
}
