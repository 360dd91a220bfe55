import {modelBug} from './bug.ts';
import type {mm_struct} from './mm_types.ts';
import type {anon_vma} from './rmap.ts';

// Locks, and the points at which another task could run. Tasks of a trace take turns, so in a replay no lock is ever waited for: what is kept is
// whether the model takes each lock where the kernel does. The bookkeeping is switched on by tests; switched off, a lock costs a look at a variable.

/** Classes in the order in which they nest, after the heads of mm/rmap.c and mm/filemap.c. */
export const lockClasses = ['mmap_sem', 'page lock', 'anon_vma->rwsem', 'pmd lock', 'page-table lock', 'swap lock'] as const;
const MMAP_SEM = 0, PAGE_LOCK = 1, ANON_VMA = 2, PMD_LOCK = 3, PTE_LOCK = 4, SWAP_LOCK = 5;

/** Where another task could run while this one holds what it holds. A scheduler of a later day takes over here. */
export type Point =
	| 'do_anonymous_page: before the page-table lock'
	| 'do_swap_page: before the page lock'
	| 'do_swap_page: before the page-table lock'
	| 'do_fault: before the page-table lock'
	| 'do_wp_page: page-table lock dropped for the copy'
	| 'handle_pte_fault: before the page-table lock'
	| 'remap_anon_pages: between two pages'
	| 'remap_anon_pages_pte: destination read, lock dropped'
	| 'remap_anon_pages_pte: source read, lock dropped'
	| 'remap_anon_pages_pte: page pinned, before the page lock'
	| 'remap_anon_pages_pte: before both page-table locks'
	| 'page_lock_anon_vma_read: mapping read, before the lock'
	| 'get_user_pages: between two pages'
	| 'mlock: mmap_sem dropped before the pages come'
	| 'madvise_willneed: page-table lock dropped'
	| 'remap_anon_pages_huge_pmd: page pinned, before the page lock'
	| 'remap_anon_pages_huge_pmd: before both pmd locks'
	| 'split_huge_page: mapping read, before the lock'
	| 'shrink_page: page isolated, before the page lock';

interface Held {
	readonly lock: number;
	readonly key: unknown;
	readonly write: boolean;
}

/** Keeps what is held and complains about order, about taking twice, and about leaving held. */
export class LockDep {
	private readonly held: Held[] = [];
	/** How often each point was passed. */
	readonly points = new Map<Point, number>();

	/** @param nested - a second lock of its class may follow the first, as with spin_lock_nested() */
	acquire(lock: number, key: unknown, write: boolean, nested: boolean): void {
		for (const other of this.held) {
			if (other.lock === lock && other.key === key) modelBug(`${lockClasses[lock]} is taken twice`);
			if (other.lock > lock || (other.lock === lock && !nested)) {
				modelBug(`${lockClasses[lock]} is taken while ${lockClasses[other.lock]} is held`);
			}
		}
		this.held.push({lock, key, write});
	}

	/** A trylock: order does not matter, since it never waits. */
	tryAcquire(lock: number, key: unknown, write: boolean): void {
		if (write && this.holds(lock, key)) modelBug(`${lockClasses[lock]} is taken twice`);
		this.held.push({lock, key, write});
	}

	release(lock: number, key: unknown, write: boolean): void {
		const at = this.held.findLastIndex(other => other.lock === lock && other.key === key);
		if (at < 0) modelBug(`${lockClasses[lock]} is released and was not held`);
		if (this.held[at]!.write !== write) modelBug(`${lockClasses[lock]} is released as ${write ? 'a writer' : 'a reader'}`);
		this.held.splice(at, 1);
	}

	holds(lock: number, key: unknown): boolean {
		return this.held.some(other => other.lock === lock && other.key === key);
	}

	/** Nothing may be held between two rows. */
	assertNothingHeld(): void {
		const [first] = this.held;
		if (first !== undefined) modelBug(`${lockClasses[first.lock]} is still held at the end of the row`);
	}

	/** The kernel has stopped, with whatever it held. */
	forget(): void {
		this.held.length = 0;
	}

	pass(point: Point): void {
		this.points.set(point, (this.points.get(point) ?? 0) + 1);
	}
}

let lockdep: LockDep | null = null;

/** Switches the bookkeeping on (for every machine of the process) or, with null, off. */
export function setLockDep(dep: LockDep | null): void {
	lockdep = dep;
}

/** The kernel has stopped: nothing it held is ever released. */
export function locksAreLost(): void {
	if (lockdep !== null) lockdep.forget();
}

/** A named point at which another task could run. */
export function may_interleave(point: Point): void {
	if (lockdep !== null) lockdep.pass(point);
}

export function down_read(mm: mm_struct): void {
	if (lockdep !== null) lockdep.acquire(MMAP_SEM, mm, false, false);
}

export function up_read(mm: mm_struct): void {
	if (lockdep !== null) lockdep.release(MMAP_SEM, mm, false);
}

/** @returns whether it was taken: not while it is held for writing */
export function down_read_trylock(mm: mm_struct): boolean {
	if (mm.mmap_sem_write) return false;
	if (lockdep !== null) lockdep.tryAcquire(MMAP_SEM, mm, false);
	return true;
}

export function down_write(mm: mm_struct): void {
	if (lockdep !== null) lockdep.acquire(MMAP_SEM, mm, true, false);
	mm.mmap_sem_write = true;
}

export function down_write_nested(mm: mm_struct): void {
	if (lockdep !== null) lockdep.acquire(MMAP_SEM, mm, true, true);
	mm.mmap_sem_write = true;
}

export function up_write(mm: mm_struct): void {
	mm.mmap_sem_write = false;
	if (lockdep !== null) lockdep.release(MMAP_SEM, mm, true);
}

/** @param page - a frame */
export function lock_page(page: number): void {
	if (lockdep !== null) lockdep.acquire(PAGE_LOCK, page, true, false);
}

/** Locks a second page: the copy that KSM asks for, which nobody else has seen. */
export function lock_page_nested(page: number): void {
	if (lockdep !== null) lockdep.acquire(PAGE_LOCK, page, true, true);
}

/** @returns true: between rows no page is locked */
export function trylock_page(page: number): boolean {
	if (lockdep !== null) lockdep.tryAcquire(PAGE_LOCK, page, true);
	return true;
}

export function unlock_page(page: number): void {
	if (lockdep !== null) lockdep.release(PAGE_LOCK, page, true);
}

export function assert_page_locked(page: number): void {
	if (lockdep !== null && !lockdep.holds(PAGE_LOCK, page)) modelBug('a page must be locked here');
}

export function anon_vma_lock_write(av: anon_vma): void {
	if (lockdep !== null) lockdep.acquire(ANON_VMA, av.root, true, false);
}

export function anon_vma_unlock_write(av: anon_vma): void {
	if (lockdep !== null) lockdep.release(ANON_VMA, av.root, true);
}

export function anon_vma_lock_read(av: anon_vma): void {
	if (lockdep !== null) lockdep.acquire(ANON_VMA, av.root, false, false);
}

export function anon_vma_unlock_read(av: anon_vma): void {
	if (lockdep !== null) lockdep.release(ANON_VMA, av.root, false);
}

/** @param table - the table that holds the entry: each pte table has a lock of its own */
export function spin_lock(table: number): void {
	if (lockdep !== null) lockdep.acquire(PTE_LOCK, table, true, false);
}

export function spin_lock_nested(table: number): void {
	if (lockdep !== null) lockdep.acquire(PTE_LOCK, table, true, true);
}

export function spin_unlock(table: number): void {
	if (lockdep !== null) lockdep.release(PTE_LOCK, table, true);
}

/** The lock that guards pmd entries and the upper tables: the mm's page_table_lock, or one of the pmd table's own. */
export function pmd_lock(key: mm_struct | number): void {
	if (lockdep !== null) lockdep.acquire(PMD_LOCK, key, true, false);
}

export function pmd_lock_nested(key: mm_struct | number): void {
	if (lockdep !== null) lockdep.acquire(PMD_LOCK, key, true, true);
}

export function pmd_unlock(key: mm_struct | number): void {
	if (lockdep !== null) lockdep.release(PMD_LOCK, key, true);
}

export function assert_spin_locked(table: number): void {
	if (lockdep !== null && !lockdep.holds(PTE_LOCK, table)) modelBug('the page-table lock must be held here');
}

export function assert_mmap_sem(mm: mm_struct): void {
	if (lockdep !== null && !lockdep.holds(MMAP_SEM, mm)) modelBug('the mmap_sem must be held here');
}

export function swap_lock(): void {
	if (lockdep !== null) lockdep.acquire(SWAP_LOCK, null, true, false);
}

export function swap_unlock(): void {
	if (lockdep !== null) lockdep.release(SWAP_LOCK, null, true);
}
