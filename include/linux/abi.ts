// Ours: what the tables of arch/ are made of. The kernels are the bases of the postings, and today's.

export const kernelNames = ['3.10', '3.17', '7.2'] as const;
export type KernelName = (typeof kernelNames)[number];

/** What posted the patch, in order; the last is the author's own tree of the same winter, on 3.18. */
export const postingNames = ['2013-05', '2014-07', '2014-10', 'later-tree'] as const;
export type PostingName = (typeof postingNames)[number];

export const architectureNames = ['x86_64', 'i386', 'x32', 'alpha', 'mips-o32', 'mips-n32', 'mips-n64', 'parisc', 'xtensa'] as const;
export type ArchitectureName = (typeof architectureNames)[number];

/** The posting that is meant where none is named: the first. */
export const DEFAULT_POSTING = postingNames[0];

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
	/** x32: the highest number of a row that x86_64 has, too. */
	readonly last_common?: number;
	readonly last_common_name?: string;
	/** What is added to the numbers of the ABI's table. */
	readonly base: number;
	/** Names whose slot leads to sys_ni_syscall. */
	readonly slot_is_sys_ni_syscall: readonly string[];
	readonly source: string;
}

/** The system calls that work on memory, or make and end tasks: every ABI has an answer for each, in every kernel. */
export const SYSCALLS_OF_MM = [
	'mmap', 'mmap2', 'munmap', 'mprotect', 'mremap', 'madvise', 'mlock', 'munlock', 'mlockall', 'munlockall', 'mincore', 'msync', 'brk',
	'remap_file_pages', 'mbind', 'migrate_pages', 'move_pages', 'fork', 'clone', 'exit',
] as const;

/** Makes each kernel's table when it is first asked for: most who load the tables ask for few. */
export function lazily<T>(make: (kernel: KernelName) => T): Readonly<Record<KernelName, T>> {
	const made = new Map<KernelName, T>(), tables = {} as Record<KernelName, T>;
	for (const kernel of kernelNames) {
		Object.defineProperty(tables, kernel, {
			enumerable: true,
			get() {
				if (!made.has(kernel)) made.set(kernel, make(kernel));
				return made.get(kernel);
			},
		});
	}
	return tables;
}

/** One kernel's table, of rows that count from a base. */
export function syscallTable(base: number, rows: Numbers, source: string, slot_is_sys_ni_syscall: readonly string[] = []): Syscalls {
	const numbers: Record<string, number | null> = {};
	let last_name = '', last = -1;
	for (const name of SYSCALLS_OF_MM) if (rows[name] === undefined) numbers[name] = null;
	for (const name in rows) {
		const number = base + rows[name]!;
		numbers[name] = number;
		if (number > last) {
			last = number;
			last_name = name;
		}
	}
	return {numbers, last, last_name, base, slot_is_sys_ni_syscall, source};
}

/** Of a table, the calls of mm: in 7.2 they have the numbers that they had in 3.17. */
export function mmOnly(rows: Numbers): Record<string, number> {
	return Object.fromEntries(SYSCALLS_OF_MM.flatMap(name => (rows[name] === undefined ? [] : [[name, rows[name]]])));
}

/**
 * The system calls of an ABI in each kernel, of one whole table and what later ones have more.
 *
 * @param base - what is added to every number of the tables
 * @param today - of 7.2, beside mm's calls
 */
export function syscallTables(base: number, old: Numbers, more: Numbers, today: Numbers, sources: readonly [string, string, string],
	slots: {readonly '3.10'?: readonly string[], readonly '3.17'?: readonly string[]} = {}): Readonly<Record<KernelName, Syscalls>> {
	return lazily(kernel => {
		switch (kernel) {
			case '3.10': return syscallTable(base, old, sources[0], slots[kernel]);
			case '3.17': return syscallTable(base, {...old, ...more}, sources[1], slots[kernel]);
			default: return syscallTable(base, {...mmOnly(old), ...today}, sources[2]);
		}
	});
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
