/**
 * Compares Debian versions as Debian Policy 5.6.12 defines: epoch, upstream version, revision.
 * @returns negative, 0 or positive, for sorting
 */
export function compareVersions(one: string, other: string): number {
  const [left, right] = [split(one), split(other)]
  return (
    left.epoch - right.epoch ||
    compareParts(left.upstream, right.upstream) ||
    compareParts(left.revision, right.revision)
  )
}

function split(version: string): { epoch: number; upstream: string; revision: string } {
  const colon = version.indexOf(':')
  const rest = version.slice(colon + 1)
  const dash = rest.lastIndexOf('-')
  return {
    epoch: colon < 0 ? 0 : Number(version.slice(0, colon)),
    upstream: dash < 0 ? rest : rest.slice(0, dash),
    // A missing revision is the same as revision 0.
    revision: dash < 0 ? '0' : rest.slice(dash + 1),
  }
}

/** By turns what is not a digit, in the order below, and what is, as a number. */
function compareParts(one: string, other: string): number {
  let left = one
  let right = other
  while (left !== '' || right !== '') {
    const [leftText, rightText] = [/^\D*/.exec(left)?.[0] ?? '', /^\D*/.exec(right)?.[0] ?? '']
    const byText = compareText(leftText, rightText)
    if (byText !== 0) return byText
    left = left.slice(leftText.length)
    right = right.slice(rightText.length)
    const [leftDigits, rightDigits] = [/^\d*/.exec(left)?.[0] ?? '', /^\d*/.exec(right)?.[0] ?? '']
    const byNumber = BigInt(leftDigits || '0') - BigInt(rightDigits || '0')
    if (byNumber !== 0n) return byNumber < 0n ? -1 : 1
    left = left.slice(leftDigits.length)
    right = right.slice(rightDigits.length)
  }
  return 0
}

function compareText(one: string, other: string): number {
  for (let position = 0; position < Math.max(one.length, other.length); position += 1) {
    const difference = order(one[position]) - order(other[position])
    if (difference !== 0) return difference
  }
  return 0
}

/** A tilde sorts before the end, the end before letters, letters before everything else. */
function order(letter: string | undefined): number {
  if (letter === undefined) return 0
  if (letter === '~') return -1
  const code = letter.charCodeAt(0)
  return /[A-Za-z]/.test(letter) ? code : code + 256
}

export type VersionOperator = '<<' | '<=' | '=' | '>=' | '>>'

export function satisfies(version: string, operator: VersionOperator, wanted: string): boolean {
  const difference = compareVersions(version, wanted)
  switch (operator) {
    case '<<':
      return difference < 0
    case '<=':
      return difference <= 0
    case '=':
      return difference === 0
    case '>=':
      return difference >= 0
    case '>>':
      return difference > 0
  }
}
