// Ours: what the tables of arch/ are made of. The kernels are the bases of the postings, and today's.

export const kernelNames = ['3.10', '3.17', '7.2'] as const;
export type KernelName = (typeof kernelNames)[number];

/** What posted the patch, in order; the last is the author's own tree of the same winter, on 3.18. */
export const postingNames = ['2013-05', '2014-07', '2014-10', 'later-tree'] as const;
export type PostingName = (typeof postingNames)[number];

export const architectureNames = ['x86_64', 'i386', 'x32', 'alpha', 'mips-o32', 'mips-n32', 'mips-n64', 'parisc', 'xtensa'] as const;
export type ArchitectureName = (typeof architectureNames)[number];

/** The kernel whose headers hold for a posting. 2014-07 stands on 3.15 or 3.16, which have the mm constants of 3.17. */
export const baseOf = {'2013-05': '3.10', '2014-07': '3.17', '2014-10': '3.17', 'later-tree': '3.17'} as const satisfies Record<PostingName, KernelName>;

export type Numbers = Readonly<Record<string, number>>;

/** The constants of one kernel's mman.h and what it includes, by family; mlock2's flags are today's only. */
export interface Mman {
	readonly madvise: Numbers;
	readonly prot: Numbers;
	readonly map: Numbers;
	readonly mremap: Numbers;
	readonly msync: Numbers;
	readonly mlockall: Numbers;
	readonly mlock: Numbers;
	readonly mempolicy: Numbers;
}
export type Family = keyof Mman;

/** The system calls of one kernel. */
export interface Syscalls {
	/** Numbers by name, the base included; null: the ABI has no such call. Of 7.2 these are only those that a source here tells. */
	readonly numbers: Readonly<Record<string, number | null>>;
	/** The highest number. */
	readonly last: number;
	readonly last_name: string;
	/** Names whose slot leads to sys_ni_syscall. */
	readonly slot_is_sys_ni_syscall: readonly string[];
	readonly source: string;
}

/** The system calls that work on memory, or make and end tasks: every ABI has an answer for each, in every kernel. */
export const SYSCALLS_OF_MM = [
	'mmap', 'mmap2', 'munmap', 'mprotect', 'mremap', 'madvise', 'mlock', 'munlock', 'mlockall', 'munlockall', 'mincore', 'msync', 'brk',
	'remap_file_pages', 'mbind', 'migrate_pages', 'move_pages', 'fork', 'clone', 'exit',
] as const;

function highest(numbers: Readonly<Record<string, number | null>>): [name: string, number: number] {
	return Object.entries(numbers).reduce<[string, number]>((best, [name, number]) => (number !== null && number > best[1] ? [name, number] : best), ['', -1]);
}

/**
 * The system calls of an ABI in each kernel, of one whole table and what later ones have more.
 *
 * @param base - what is added to every number of the tables
 * @param today - of 7.2, beside mm's calls of 3.17, which kept their numbers
 */
export function syscallTables(base: number, old: Numbers, more: Numbers, today: Numbers, sources: readonly string[],
	slots: {readonly '3.10'?: readonly string[], readonly '3.17'?: readonly string[]} = {}): Record<KernelName, Syscalls> {
	const none = Object.fromEntries(SYSCALLS_OF_MM.filter(name => old[name] === undefined).map(name => [name, null]));
	const of_mm = Object.fromEntries(SYSCALLS_OF_MM.filter(name => old[name] !== undefined).map(name => [name, old[name]!]));
	const made = (numbers: Numbers, index: number, ni: readonly string[]): Syscalls => {
		const based = Object.fromEntries(Object.entries(numbers).map(([name, number]) => [name, base + number])), [last_name, last] = highest(based);
		return {numbers: {...none, ...based}, last, last_name, slot_is_sys_ni_syscall: ni, source: sources[index]!};
	};
	return {'3.10': made(old, 0, slots['3.10'] ?? []), '3.17': made({...old, ...more}, 1, slots['3.17'] ?? []), '7.2': made({...of_mm, ...today}, 2, [])};
}

/** How many bits of an address each level of the page table takes; a level that is not there is folded. */
export interface PageTableBits {
	readonly pgd: number;
	readonly pud?: number;
	readonly pmd?: number;
	readonly pte: number;
}

/** Pages, page tables, and where user memory ends, as the default configuration has them. Sizes in bytes. */
export interface Geometry {
	readonly kernel_bits_per_long: 32 | 64;
	readonly page_table: {
		readonly levels: number;
		readonly bits: PageTableBits;
		readonly va_bits: number;
		readonly pgdir_shift: number;
		readonly pud_shift?: number;
		readonly pmd_shift: number;
	};
	readonly pmd_size: number;
	/** null: no transparent huge pages. */
	readonly huge_page_size: number | null;
	readonly task_size: number;
	readonly task_size_rule?: string;
	readonly source: readonly string[];
}

export interface Thp {
	readonly configurable: boolean;
	readonly condition?: string;
}

export interface Memory extends Geometry {
	readonly bits_per_long: 32 | 64;
	readonly page_sizes: readonly number[];
	readonly default_page_size: number;
	readonly huge_page_size_by_page_size?: Readonly<Record<string, number>>;
	readonly thp: {readonly '3.10': Thp, readonly '3.17': Thp, readonly source: string};
	readonly note?: string;
	/** The same ABI on another kernel. */
	readonly variants?: Readonly<Record<string, Partial<Memory> & {readonly when: string}>>;
}

/** What a posting adds to an ABI; null where it wires nothing. */
export interface Patch {
	readonly remap_anon_pages: number | null;
	readonly userfaultfd: number | null;
}

/** Everything that the tables say of one ABI. */
export interface Abi {
	/** The folder of arch/. */
	readonly arch: string;
	readonly mman: Readonly<Record<KernelName, Mman>>;
	/** MADV_USERFAULT and MADV_NOUSERFAULT, in every posting. */
	readonly userfault: {readonly MADV_USERFAULT: number, readonly MADV_NOUSERFAULT: number};
	readonly syscalls: Readonly<Record<KernelName, Syscalls>>;
	readonly patch: Readonly<Record<PostingName, Patch>>;
	readonly errno: Numbers;
	/** Where a kernel after 3.10 differs. */
	readonly errno_3_17?: Numbers;
	readonly signal: Numbers;
	readonly memory: Memory;
}
