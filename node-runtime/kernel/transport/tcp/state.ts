// TCP's states, with the numbers that /proc/net/tcp and ss know them by (include/net/tcp_states.h), and the states of
// congestion control (include/net/tcp.h, enum tcp_ca_state).

export const TCP_ESTABLISHED = 1;
export const TCP_SYN_SENT = 2;
export const TCP_SYN_RECV = 3;
export const TCP_FIN_WAIT1 = 4;
export const TCP_FIN_WAIT2 = 5;
export const TCP_TIME_WAIT = 6;
export const TCP_CLOSE = 7;
export const TCP_CLOSE_WAIT = 8;
export const TCP_LAST_ACK = 9;
export const TCP_LISTEN = 10;
export const TCP_CLOSING = 11;
export type TcpState = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11;

/** As RFC 9293 and ss spell them. */
export const STATE_NAMES: readonly string[] = [
  '',
  'ESTAB',
  'SYN-SENT',
  'SYN-RECV',
  'FIN-WAIT-1',
  'FIN-WAIT-2',
  'TIME-WAIT',
  'UNCONN',
  'CLOSE-WAIT',
  'LAST-ACK',
  'LISTEN',
  'CLOSING',
];

const bit = (state: TcpState): number => 1 << state;
/** Whether `state` is one of `states`, made with `stateSet`. */
export const inStates = (state: TcpState, states: number): boolean => ((1 << state) & states) !== 0;
const stateSet = (...states: TcpState[]): number => states.reduce((set, s) => set | bit(s), 0);

/** States in which data may be sent that the program wrote. */
export const CAN_SEND = stateSet(TCP_ESTABLISHED, TCP_CLOSE_WAIT);
/** States in which bytes of ours may wait for their acknowledgement. */
export const MAY_RETRANSMIT = stateSet(
  TCP_ESTABLISHED,
  TCP_FIN_WAIT1,
  TCP_CLOSE_WAIT,
  TCP_LAST_ACK,
  TCP_CLOSING,
);

export const CA_OPEN = 0;
export const CA_DISORDER = 1;
export const CA_CWR = 2;
export const CA_RECOVERY = 3;
export const CA_LOSS = 4;
export type CaState = 0 | 1 | 2 | 3 | 4;

/** "Not known yet": slow start has no end. */
export const TCP_INFINITE_SSTHRESH = 0x7fff_ffff;
/** RFC 6928. */
export const TCP_INIT_CWND = 10;
/** TCP_TIMEOUT_INIT, milliseconds. */
export const RTO_INIT = 1000;
