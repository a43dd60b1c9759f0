import { median } from './figure.ts'

/** Values of the same measurement, repeated, by its name. */
export class Samples {
  readonly #values = new Map<string, number[]>()

  add(name: string, value: number): void {
    const values = this.#values.get(name)
    if (values) values.push(value)
    else this.#values.set(name, [value])
  }

  /** In the order in which they were measured; none where it was not. */
  of(name: string): readonly number[] {
    return this.#values.get(name) ?? []
  }

  /** NaN where it was not measured, as is whatever is reckoned from that. */
  median(name: string): number {
    const values = this.of(name)
    return values.length === 0 ? Number.NaN : median(values)
  }
}
