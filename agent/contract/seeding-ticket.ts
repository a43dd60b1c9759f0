import { createHmac, timingSafeEqual } from 'node:crypto'

/**
 * What lets one host in at another: the desk makes it of the secret that the other told it, for the fingerprint of the
 * one's certificate. So a host need not know beforehand who will come. Hexadecimal.
 */
export function seedingTicket(secret: string, fingerprint: string): string {
  return createHmac('sha256', secret).update(fingerprint).digest('hex')
}

/** Whether a ticket was made of this secret for who shows that certificate. */
export function isSeedingTicket(ticket: string, secret: string, fingerprint: string): boolean {
  const right = Buffer.from(seedingTicket(secret, fingerprint))
  const given = Buffer.from(ticket)
  return given.length === right.length && timingSafeEqual(given, right)
}
