/** By what name a broken invariant is reported. */
export type Invariant =
	| 'mapcount' | 'page count' | 'anonymous pages' | 'file pages' | 'huge pages' | 'rmap' | 'mlocked pages' | 'frames' | 'files'
	| 'swap count' | 'swap cache' | 'swap slots' | 'clean pages' | 'shared slots'
	| 'page tables' | 'walk cache' | 'entries' | 'entry rights' | 'copy-on-write'
	| 'rss' | 'tasks' | 'vma list' | 'vma' | 'total_vm' | 'locked_vm' | 'anon_vma chain' | 'anon_vma tree' | 'anon_vma refcount'
	| 'locks' | 'contents' | 'BUG' | 'nothing left';

/** The state of a machine contradicts itself. */
export class BrokenInvariant extends Error {
	override readonly name = 'BrokenInvariant';
	readonly invariant: Invariant;

	constructor(invariant: Invariant, what: string) {
		super(`${invariant}: ${what}`);
		this.invariant = invariant;
	}
}

export function broken(invariant: Invariant, what: string): never {
	throw new BrokenInvariant(invariant, what);
}

/** An address, or bits of an entry, for a message. */
export function hex(value: number): string {
	return `0x${value.toString(16)}`;
}
