/** Names in order, so that a page of them costs no more than its length, however many there are. */

/** How many names are kept together: adding one moves half of so many, and there are few enough such blocks to move them, too. */
const MAX_BLOCK_NAMES = 512;

/** A set of names, ordered by UTF-16 code unit. */
export class NameIndex {
  /** In order, none of them empty but for the only one. */
  readonly #blocks: string[][] = [[]];

  add(name: string): void {
    const index = this.#blockOf(name);
    const block = this.#blocks[index]!;
    const at = lowerBound(block.length, (position) => block[position]! < name);
    if (block[at] === name) {
      return;
    }
    block.splice(at, 0, name);
    if (block.length > MAX_BLOCK_NAMES) {
      this.#blocks.splice(index + 1, 0, block.splice(MAX_BLOCK_NAMES / 2));
    }
  }

  delete(name: string): void {
    const index = this.#blockOf(name);
    const block = this.#blocks[index]!;
    const at = lowerBound(block.length, (position) => block[position]! < name);
    if (block[at] !== name) {
      return;
    }
    block.splice(at, 1);
    if (block.length === 0 && this.#blocks.length > 1) {
      this.#blocks.splice(index, 1);
    }
  }

  /** At most `limit` names that come after `name`. */
  after(name: string, limit: number): string[] {
    const names: string[] = [];
    let index = this.#blockOf(name);
    let at = lowerBound(this.#blocks[index]!.length, (position) => this.#blocks[index]![position]! <= name);
    for (; index < this.#blocks.length && names.length < limit; index++, at = 0) {
      names.push(...this.#blocks[index]!.slice(at, at + limit - names.length));
    }
    return names;
  }

  /** Where the block is that a name belongs into: the last one that does not begin after it. */
  #blockOf(name: string): number {
    return Math.max(0, lowerBound(this.#blocks.length, (position) => this.#blocks[position]![0]! <= name) - 1);
  }
}

/** The first position from 0 to `length` that is not before what is looked for. */
function lowerBound(length: number, isBefore: (position: number) => boolean): number {
  let [low, high] = [0, length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBefore(middle)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}
