// tcp_sacktag_state (net/ipv4/tcp_input.c): what one ACK's blocks and its cumulative part told. One record per
// namespace is filled again for every ACK.

export class SackState {
  /** FLAG_ bits. */
  flag = 0;
  /** Lowest number that arrived after a higher one had: reordering. */
  reord = 0;
  hasReord = false;
  /** When the first and last of the newly SACKed segments that were sent once had been sent; 0: none. */
  firstSackt = 0;
  lastSackt = 0;
}
