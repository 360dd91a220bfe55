import {errnos} from '../include/asm-generic/errno.ts';
import {signal} from '../include/asm-generic/signal.ts';
import {type Abi, type ArchitectureName, baseOf, DEFAULT_POSTING, type KernelName, type PostingName, postingNames} from '../include/linux/abi.ts';
import {errno as alphaErrno} from './alpha/errno.ts';
import {mman as alphaMman, userfault as alphaUserfault} from './alpha/mman.ts';
import {alpha as alphaMemory} from './alpha/page.ts';
import {signal as alphaSignal} from './alpha/signal.ts';
import {alpha as alphaCalls} from './alpha/unistd.ts';
import {errno as mipsErrno} from './mips/errno.ts';
import {mman as mipsMman, userfault as mipsUserfault} from './mips/mman.ts';
import * as mipsMemory from './mips/page.ts';
import {signal as mipsSignal} from './mips/signal.ts';
import * as mipsCalls from './mips/unistd.ts';
import {errno as pariscErrno, errno_3_17} from './parisc/errno.ts';
import {mman as pariscMman, userfault as pariscUserfault} from './parisc/mman.ts';
import {parisc as pariscMemory} from './parisc/page.ts';
import {signal as pariscSignal} from './parisc/signal.ts';
import {parisc as pariscCalls} from './parisc/unistd.ts';
import {mman as x86Mman, userfault as x86Userfault} from './x86/mman.ts';
import * as x86Memory from './x86/page.ts';
import {patch_i386, patch_x32, patch_x86_64} from './x86/patch.ts';
import * as x86Calls from './x86/syscalls.ts';
import {mman as xtensaMman, userfault as xtensaUserfault} from './xtensa/mman.ts';
import {xtensa as xtensaMemory} from './xtensa/page.ts';
import {xtensa as xtensaCalls} from './xtensa/unistd.ts';

// Ours: the tables of the nine ABIs side by side, and the library's way to them. Nothing here needs the model.

/** The patch gives the call a number on x86 only. */
const nothing = {remap_anon_pages: null, userfaultfd: null} as const;
const notWired = Object.fromEntries(postingNames.map(posting => [posting, nothing])) as Readonly<Record<PostingName, typeof nothing>>;

const {ERESTARTSYS: _, ...genericErrno} = errnos;

const x86 = {arch: 'x86', mman: x86Mman, userfault: x86Userfault, errno: genericErrno, signal} as const;
const mips = {arch: 'mips', mman: mipsMman, userfault: mipsUserfault, errno: mipsErrno, signal: mipsSignal, patch: notWired} as const;

export const abis = {
	'x86_64':   {...x86, syscalls: x86Calls.x86_64, patch: patch_x86_64, memory: x86Memory.x86_64},
	'i386':     {...x86, syscalls: x86Calls.i386, patch: patch_i386, memory: x86Memory.i386},
	'x32':      {...x86, syscalls: x86Calls.x32, patch: patch_x32, memory: x86Memory.x32},
	'alpha':    {arch: 'alpha', mman: alphaMman, userfault: alphaUserfault, errno: alphaErrno, signal: alphaSignal, patch: notWired, syscalls: alphaCalls, memory: alphaMemory},
	'mips-o32': {...mips, syscalls: mipsCalls.o32, memory: mipsMemory.o32},
	'mips-n32': {...mips, syscalls: mipsCalls.n32, memory: mipsMemory.n32},
	'mips-n64': {...mips, syscalls: mipsCalls.n64, memory: mipsMemory.n64},
	'parisc':   {
		arch: 'parisc', mman: pariscMman, userfault: pariscUserfault, errno: pariscErrno, errno_3_17, signal: pariscSignal, patch: notWired,
		syscalls: pariscCalls, memory: pariscMemory,
	},
	'xtensa':   {
		arch: 'xtensa', mman: xtensaMman, userfault: xtensaUserfault, errno: genericErrno, signal, patch: notWired, syscalls: xtensaCalls, memory: xtensaMemory,
	},
} as const satisfies Record<ArchitectureName, Abi>;

type Abis = typeof abis;

/** A posting, with its base kernel below it, or a kernel as it was released. */
export type Revision = PostingName | KernelName;

type BaseOf<R extends Revision> = R extends PostingName ? (typeof baseOf)[R] : R extends KernelName ? R : never;

/** The advices of a kernel, and with a posting those that the patch adds. */
type Madvise<A extends ArchitectureName, R extends Revision> = Abis[A]['mman'][BaseOf<R>]['madvise'] & (R extends PostingName ? Abis[A]['userfault'] : unknown);

/** What the patch wires. */
type Wired<A extends ArchitectureName, R extends Revision> = R extends PostingName ? Abis[A]['patch'][R] : unknown;

/** The constants of one ABI in one posting or kernel. */
export type AbiView<A extends ArchitectureName, R extends Revision> = Omit<Abis[A]['mman'][BaseOf<R>], 'madvise'> & {
	readonly name: A;
	readonly revision: R;
	readonly kernel: BaseOf<R>;
	readonly madvise: Madvise<A, R>;
	/** Numbers by name; null where the ABI has no such call, or the posting wires none. */
	readonly syscalls: Readonly<Record<string, number | null>> & Wired<A, R>;
	readonly errno: Abis[A]['errno'];
	readonly signal: Abis[A]['signal'];
	readonly memory: Abis[A]['memory'];
};

export function isPosting(revision: Revision): revision is PostingName {
	return Object.hasOwn(baseOf, revision);
}

/** The kernel whose headers a revision has. */
export function kernelOf(revision: Revision): KernelName {
	return isPosting(revision) ? baseOf[revision] : revision;
}

/** The system calls of a revision, those of the patch among them. */
export function syscallsOf(of: Abi, revision: Revision): Readonly<Record<string, number | null>> {
	const {numbers} = of.syscalls[kernelOf(revision)];
	if (!isPosting(revision)) return numbers;
	const {remap_anon_pages, userfaultfd} = of.patch[revision];
	return {...numbers, remap_anon_pages, userfaultfd};
}

/** errno of a kernel. */
export function errnoOf(of: Abi, kernel: KernelName): Readonly<Record<string, number>> {
	return kernel === '3.10' ? of.errno : {...of.errno, ...of.errno_3_17};
}

/**
 * The constants of an ABI: `abi('parisc').madvise.MADV_USERFAULT` is 71, and the compiler knows.
 *
 * @param revision - a posting, whose numbers stand on its base kernel, or a kernel as it was released
 */
export function abi<const A extends ArchitectureName, const R extends Revision = typeof DEFAULT_POSTING>(name: A, revision?: R): AbiView<A, R> {
	const at: Revision = revision ?? DEFAULT_POSTING, of: Abi = abis[name], kernel = kernelOf(at), mman = of.mman[kernel];
	return {
		...mman,
		name, revision: at, kernel,
		madvise: isPosting(at) ? {...mman.madvise, ...of.userfault} : mman.madvise,
		syscalls: syscallsOf(of, at),
		errno: errnoOf(of, kernel),
		signal: of.signal,
		memory: of.memory,
	} as unknown as AbiView<A, R>;
}
