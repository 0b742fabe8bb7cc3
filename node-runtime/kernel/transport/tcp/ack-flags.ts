// What an ACK brought: the FLAG_ bits of net/ipv4/tcp_input.c.

/** The segment itself had data. */
export const FLAG_DATA = 0x01;
/** The ACK updated the window. */
export const FLAG_WIN_UPDATE = 0x02;
/** New data was acknowledged. */
export const FLAG_DATA_ACKED = 0x04;
/** Some of it was a retransmission. */
export const FLAG_RETRANS_DATA_ACKED = 0x08;
/** Our SYN was acknowledged. */
export const FLAG_SYN_ACKED = 0x10;
/** Something was newly SACKed. */
export const FLAG_DATA_SACKED = 0x20;
/** The peer echoes a mark: congestion without a loss. */
export const FLAG_ECE = 0x40;
/** A retransmission was lost. */
export const FLAG_LOST_RETRANS = 0x80;
/** snd_una moved. */
export const FLAG_SND_UNA_ADVANCED = 0x400;
/** The SACK blocks held a DSACK. */
export const FLAG_DSACKING_ACK = 0x800;
/** The timer must be set anew. */
export const FLAG_SET_XMIT_TIMER = 0x1000;
/** snd_una stands on data that was SACKed and is so no more. */
export const FLAG_SACK_RENEGING = 0x2000;
/** The DSACK names the tail loss probe. */
export const FLAG_DSACK_TLP = 0x20000;
/** A SACK or ACK for something sent only once. */
export const FLAG_ORIG_SACK_ACKED = 0x200;

export const FLAG_ACKED = FLAG_DATA_ACKED | FLAG_SYN_ACKED;
export const FLAG_NOT_DUP = FLAG_DATA | FLAG_WIN_UPDATE | FLAG_ACKED;
export const FLAG_FORWARD_PROGRESS = FLAG_ACKED | FLAG_DATA_SACKED;
