/** A secret, and what of it would be told by: itself, its longest line, either in Base64 however it lies in other bytes. */
export function needlesOf(secret: string): string[] {
  const lines = secret.split('\n').filter((line) => line !== '' && !line.startsWith('-----'))
  const longest = lines.reduce((one, other) => (other.length > one.length ? other : one), '')
  const packed = [0, 1, 2].map((before) => {
    const whole = Buffer.from(`${'x'.repeat(before)}${longest}`).toString('base64')
    // What the neighbours decide too is left away.
    return whole.slice(before === 0 ? 0 : 4, Math.floor(whole.replace(/=+$/, '').length / 4) * 4)
  })
  return [longest, ...packed].filter((needle) => needle.length >= 8)
}

/** Which of these secrets, by name, occur in a text. */
export function secretsIn(text: string, secrets: ReadonlyMap<string, string>): string[] {
  return [...secrets]
    .filter(([, secret]) => needlesOf(secret).some((needle) => text.includes(needle)))
    .map(([name]) => name)
}
