import {type Abi, type ArchitectureName, architectureNames, postingNames} from '../include/linux/abi.ts';
import {told, vm_flags} from '../include/linux/userfault.ts';
import {abis} from './abi.ts';
import {accepted_old_values} from './parisc/mman.ts';

// Ours: which numbers of the patch mean something else in today's Linux. What they mean is read from the tables; since when is told here.

/** A number of the patch that somebody else has now. */
export interface Collision {
	readonly abi: ArchitectureName | 'all';
	readonly kind: 'syscall' | 'madvise' | 'vm_flags';
	readonly number: number;
	readonly patch_name: string;
	/** One, `all`, or some joined by `, `. */
	readonly posting: string;
	/** null: nothing, but a neighbour has the number. */
	readonly today: string | null;
	/** The first kernel in which it was so. */
	readonly since: string | null;
	readonly since_source: string | null;
	readonly source: string;
	readonly note?: string;
}

const SYSCALLS_2 = 'syscalls(2)';

const since: Readonly<Record<string, readonly [since: string, source: string]>> = {
	sched_setattr:   ['3.14', SYSCALLS_2],
	seccomp:         ['3.17', SYSCALLS_2],
	getrandom:       ['3.17', SYSCALLS_2],
	bpf:             ['3.18', SYSCALLS_2],
	execveat:        ['3.19', SYSCALLS_2],
	userfaultfd:     ['4.3', SYSCALLS_2],
	membarrier:      ['4.3', 'first mainline table with it; syscalls(2) says 3.17, but the 3.17 table ends at 320'],
	socket:          ['4.3', 'syscalls(2), note on socketcall(2): direct on x86-32 since 4.3'],
	socketpair:      ['4.3', 'syscalls(2), note on socketcall(2): direct on x86-32 since 4.3'],
	MADV_WIPEONFORK: ['4.14', 'madvise(2)'],
	MADV_KEEPONFORK: ['4.14', 'madvise(2)'],
};

function nameOf(numbers: Readonly<Record<string, number | null>>, number: number): string | null {
	return Object.keys(numbers).find(name => numbers[name] === number) ?? null;
}

function ofSyscalls(abi: ArchitectureName, call: 'remap_anon_pages' | 'userfaultfd'): Collision[] {
	const {patch, syscalls}: Abi = abis[abi], {numbers, source} = syscalls['7.2'];
	return postingNames.flatMap(posting => {
		const number = patch[posting][call];
		if (number === null) return [];
		const today = nameOf(numbers, number), [first, told] = today === null ? [null, null] : since[today] ?? [null, null];
		const one = {abi, kind: 'syscall', number, patch_name: call, posting, today, since: first, since_source: told, source} as const;
		return [today === null ? {...one, note: 'not a call of this ABI'} : one];
	});
}

function ofAdvices(abi: ArchitectureName): Collision[] {
	const {userfault, mman, arch}: Abi = abis[abi], {madvise} = mman['7.2'];
	const source = arch === 'x86' ? 'include/uapi/asm-generic/mman-common.h' : `arch/${arch}/include/uapi/asm/mman.h`;
	return Object.entries(userfault).map(([patch_name, number]) => {
		const old: Readonly<Record<number, string>> = arch === 'parisc' ? accepted_old_values : {}, today = nameOf(madvise, number) ?? old[number] ?? null;
		const [first, told] = today === null ? [null, null] : since[today]!;
		const one = {abi, kind: 'madvise', number, patch_name, posting: 'all', today, since: first, since_source: told, source} as const;
		return today === null || old[number] === undefined ? one
			: {...one, note: `in the header from 4.14 to 6.1; from 6.2 the name moved to ${madvise[today]} and parisc_madvise() still takes ${number} for it`};
	});
}

/** The numbers that a posting gives an ABI, of one kind. @param abi - for one that is not of these tables, none */
export function collisionsOf(abi: string, kind: 'syscall' | 'madvise'): Collision[] {
	const name = architectureNames.find(one => one === abi);
	if (name === undefined) return [];
	return kind === 'madvise' ? ofAdvices(name) : [...ofSyscalls(name, 'remap_anon_pages'), ...ofSyscalls(name, 'userfaultfd')];
}

/** Every number of the patch that means something else today. */
export function collisions(): Collision[] {
	const x86 = architectureNames.filter(abi => abis[abi].arch === 'x86');
	return [
		...x86.flatMap(abi => collisionsOf(abi, 'syscall')),
		...architectureNames.flatMap(abi => collisionsOf(abi, 'madvise')),
		{
			abi: 'parisc', kind: 'madvise', number: abis.x86_64.userfault.MADV_USERFAULT, patch_name: 'MADV_USERFAULT of other architectures', posting: 'all',
			today: nameOf(abis.parisc.mman['7.2'].madvise, abis.x86_64.userfault.MADV_USERFAULT), since: '6.2', since_source: 'tables of strace',
			note: 'was MADV_256K_PAGES in 3.10 and 3.17', source: 'arch/parisc/include/uapi/asm/mman.h',
		},
		{
			abi: 'all', kind: 'vm_flags', number: vm_flags.VM_USERFAULT, patch_name: 'VM_USERFAULT', posting: told.join(', '),
			today: 'VM_HIGH_ARCH_0 (a protection-key bit on x86)', since: '4.6', since_source: 'I', source: 'include/linux/mm.h',
		},
	];
}
