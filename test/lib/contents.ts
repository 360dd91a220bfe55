import {madvise, mremap} from '../../include/asm-generic/mman-common.ts';
import type {Machine} from '../../include/linux/machine.ts';
import {vma_test, VM_DONTCOPY} from '../../include/linux/mm.ts';
import type {mm_struct} from '../../include/linux/mm_types.ts';
import {TWO_32, u64} from '../../include/linux/types.ts';
import type {Outcome} from '../../kernel/dispatch.ts';
import {EVENT, type EventName} from '../../kernel/events.ts';
import {broken, hex} from './broken.ts';
import type {Inspector} from './invariants.ts';
import type {Step} from './random-events.ts';

// What anonymous memory must hold, known from the rows and their results alone: no page table is looked at to find it out.

const PAGE = 4096, TASK_PAGES = 2 ** 35, PAGES = 2 ** 52;
/** Ranges that are looked at page by page are no longer than this. */
const MANY_PAGES = 2048;

/** The tokens of one address space that are not 0, by page number. */
type Memory = Map<number, number>;

/** A range of page numbers where what a row did is not known from its result. */
interface Doubt {
	readonly from: number;
	readonly to: number;
	/** What a page may hold besides what it held; null for whatever it does. */
	readonly or: number | null;
}

/**
 * Follows the contents of all address spaces: what was written stays until it is written, unmapped, or moved; a child has what its parent had.
 *
 * Where copy-on-write is lost through the swap cache, what one task writes appears at another, and may go again: of such pages nothing is known. Nor is
 * anything of mappings of files.
 */
export class Contents {
	private readonly m: Machine;
	private readonly inspector: Inspector;
	private readonly memories = new Map<mm_struct, Memory>();
	// as they were before the row
	private mm: mm_struct | null = null;
	private oldBrk = 0;
	private shared = new Int32Array(0);
	private stained = new Int32Array(0);
	private doubts: Doubt[] = [];

	constructor(m: Machine, inspector: Inspector) {
		this.m = m;
		this.inspector = inspector;
		for (const mm of m.mms) this.memories.set(mm, new Map());
	}

	/** Before the row. */
	begin(row: Step): void {
		const {marks} = this.inspector;
		this.mm = this.m.tasks.get(row.task)?.mm ?? null;
		this.oldBrk = this.mm?.brk ?? -1;
		this.shared = marks.shared.now;
		this.stained = marks.stained.now;
	}

	/** After the row, and after the inspector's look. @throws BrokenInvariant */
	end(row: Step, out: Outcome): void {
		const {m, mm, memories} = this;
		for (const gone of memories.keys()) if (!m.mms.has(gone)) memories.delete(gone);
		this.doubts = [];
		const memory = mm === null ? undefined : memories.get(mm);
		if (mm !== null && memory !== undefined) this.follow(row.event, row.lo, row.hi, row.given, mm, memory, row, out);
		this.compare();
	}

	private follow(event: number, lo: Int32Array, hi: Int32Array, given: number, mm: mm_struct, memory: Memory, row: Step, out: Outcome): void {
		const a0 = u64(lo[0]!, hi[0]!), a1 = u64(lo[1]!, hi[1]!), a2 = u64(lo[2]!, hi[2]!), {ret} = out;
		switch (event) {
			case EVENT.write:
			case EVENT.kwrite: return this.write(event, a0, a1, (given & 4) === 0 ? 1 : hi[2]! * TWO_32 + (lo[2]! >>> 0), mm, memory, out);
			case EVENT.fork: return this.fork(row.child, mm, memory);
			case EVENT.mmap:
				if (ret >= 0) clear(memory, ret / PAGE, (ret + a1) / PAGE);
				else this.doubt(a0 / PAGE, (a0 + a1) / PAGE, 0);
				return;
			case EVENT.munmap:
				if (ret === 0) clear(memory, a0 / PAGE, (a0 + a1) / PAGE);
				return;
			case EVENT.brk:
				if (mm.brk < this.oldBrk) clear(memory, Math.ceil(mm.brk / PAGE), Math.ceil(this.oldBrk / PAGE));
				return;
			case EVENT.madvise:
				if (lo[2] !== madvise.MADV_DONTNEED) return;
				if (ret === 0) clear(memory, a0 / PAGE, (a0 + a1) / PAGE);
				else this.doubt(a0 / PAGE, (a0 + a1) / PAGE, 0);
				return;
			case EVENT.mremap: return this.mremap(a0, a1, a2, lo[3]!, u64(lo[4]!, hi[4]!), memory, ret);
			case EVENT.remap_anon_pages: return this.remapAnonPages(Math.floor(a0 / PAGE), Math.floor(a1 / PAGE), Math.floor(a2 / PAGE), mm, memory, ret);
			case EVENT.syscall: {
				const name = this.m.syscalls.get(a0);
				if (name === undefined) return;
				return this.follow(EVENT[name as EventName], lo.subarray(1), hi.subarray(1), given >> 1, mm, memory, row, out);
			}
			default:
		}
	}

	private doubt(from: number, to: number, or: number | null): void {
		this.doubts.push({from: Math.floor(from), to: Math.ceil(to), or});
	}

	private isOfFile(mm: mm_struct, page: number): boolean {
		if (this.m.files.size === 0) return false;
		let vma = mm.mmap;
		while (vma !== null && vma.vm_end <= page * PAGE) vma = vma.vm_next;
		return vma !== null && vma.vm_start <= page * PAGE && vma.vm_file !== null;
	}

	/** Each page until the one that raises a signal; how far the kernel came is not said. */
	private write(event: number, start: number, length: number, token: number, mm: mm_struct, memory: Memory, out: Outcome): void {
		const first = Math.floor(start / PAGE), last = Math.floor((start + Math.max(length, 1) - 1) / PAGE);
		if (out.signal !== 0 && event === EVENT.kwrite) return this.doubt(first, last + 1, token);
		const end = out.signal === 0 ? last + 1 : Math.floor(u64(out.address_lo, out.address_hi) / PAGE);
		// from above user memory on si_addr may say nothing, but then the first page is there already
		for (let page = first; page < end && page < TASK_PAGES; page++) if (!this.isOfFile(mm, page)) put(memory, page, token);
	}

	private fork(pid: number, mm: mm_struct, memory: Memory): void {
		const child = this.m.tasks.get(pid)?.mm;
		if (child === null || child === undefined || this.memories.has(child)) return;
		const copy: Memory = new Map(memory);
		for (let vma = mm.mmap; vma !== null; vma = vma.vm_next) {
			if (vma_test(vma, VM_DONTCOPY)) clear(copy, vma.vm_start / PAGE, vma.vm_end / PAGE);
		}
		this.memories.set(child, copy);
	}

	private mremap(address: number, old_length: number, new_length: number, flags: number, to: number, memory: Memory, ret: number): void {
		const from = address / PAGE, old_pages = pagesOf(old_length), new_pages = pagesOf(new_length);
		// which nobody keeps from wrapping
		const tail = (from + new_pages) % PAGES;
		if (ret < 0) {
			// a fixed new place is unmapped, and what is too long cut off, before it is known whether the rest can be done
			if ((flags & mremap.MREMAP_FIXED) === 0) return;
			this.doubt(to / PAGE, to / PAGE + new_pages, 0);
			this.doubt(tail, tail + old_pages - new_pages, 0);
			return;
		}
		if (ret === address) return clear(memory, tail, tail + old_pages - new_pages);
		const moved: [number, number][] = [];
		for (let i = 0; i < Math.min(old_pages, new_pages); i++) {
			const token = memory.get(from + i);
			if (token !== undefined) moved.push([ret / PAGE + i, token]);
		}
		clear(memory, ret / PAGE, ret / PAGE + new_pages);
		clear(memory, from, from + old_pages);
		for (const [page, token] of moved) put(memory, page, token);
	}

	/** Page by page, so that ranges that overlap come out right. The posting of 2013 does not say how many pages moved before an error. */
	private remapAnonPages(dst: number, src: number, pages: number, mm: mm_struct, memory: Memory, ret: number): void {
		const {rev} = this.m, most = Math.min(pages, MANY_PAGES);
		if (this.isOfFile(mm, dst) || this.isOfFile(mm, src)) {
			this.doubt(dst, dst + most, null);
			this.doubt(src, src + most, null);
			return;
		}
		const least = ret < 0 ? 0 : rev.returns_bytes ? ret / PAGE : pages;
		let moved = 0;
		for (; moved < least; moved++) movePage(memory, dst + moved, src + moved);
		if (ret >= 0 || rev.returns_bytes) return;
		const holds = this.read(mm);
		let differ = 0;
		const agrees = (page: number): number => (memory.get(page) === holds.get(page) ? 0 : 1);
		const places = new Set<number>();
		for (let i = 0; i < most; i++) places.add(dst + i).add(src + i);
		for (const page of places) differ += agrees(page);
		for (; differ > 0 && moved < most; moved++) {
			const to = dst + moved, at = src + moved;
			if (to === at) continue;
			differ -= agrees(to) + agrees(at);
			movePage(memory, to, at);
			differ += agrees(to) + agrees(at);
		}
	}

	/** What an address space holds by its page tables. */
	private read(mm: mm_struct): Memory {
		const {inspector} = this, memory: Memory = new Map(), nr = inspector.mms.indexOf(mm);
		for (let i = 0; i < inspector.entries; i++) if (inspector.owner[i] === nr) put(memory, inspector.vpn[i]!, this.tokenOf(i));
		return memory;
	}

	/** What an entry stands for holds. */
	private tokenOf(entry: number): number {
		const {mem_map, swap} = this.m, page = this.inspector.page[entry]!, slot = this.inspector.slot[entry]!;
		return page === 0 ? swap.token_hi[slot]! * TWO_32 + (swap.token_lo[slot]! >>> 0) : mem_map.token_hi[page]! * TWO_32 + (mem_map.token_lo[page]! >>> 0);
	}

	/** Every entry holds what it must, and nothing that was written is gone. */
	private compare(): void {
		const {inspector, memories} = this, {mms, owner, vpn, entries} = inspector;
		let i = 0;
		for (let nr = 0; nr < mms.length; nr++) {
			const memory = memories.get(mms[nr]!);
			if (memory === undefined) broken('contents', 'an address space came from nowhere');
			let seen = 0;
			for (; i < entries && owner[i] === nr; i++) {
				const page = vpn[i]!, token = this.tokenOf(i);
				if (token !== (memory.get(page) ?? 0)) this.explain(memory, page, i, token);
				if (token !== 0) seen++;
			}
			if (memory.size !== seen) this.explainLoss(mms[nr]!, memory);
		}
	}

	private isDoubtful(page: number, token: number): boolean {
		return this.doubts.some(({from, to, or}) => page >= from && page < to && (or === null || token === or));
	}

	/** Another token than it must have. */
	private explain(memory: Memory, page: number, entry: number, token: number): void {
		const {marks} = this.inspector, frame = this.inspector.page[entry]!, slot = this.inspector.slot[entry]!;
		const known = marks.shared.now[frame]! + (this.shared[frame] ?? 0) + marks.stained.now[slot]! + (this.stained[slot] ?? 0) > 0;
		if (!known && !this.isDoubtful(page, token)) broken('contents', `${hex(page * PAGE)} holds ${token} and should hold ${memory.get(page) ?? 0}`);
		put(memory, page, token);
	}

	/** Pages that must hold something and have no entry any more. */
	private explainLoss(mm: mm_struct, memory: Memory): void {
		const holds = this.read(mm);
		for (const [page, token] of memory) {
			if (holds.has(page)) continue;
			if (!this.isDoubtful(page, 0)) broken('contents', `${token} is lost at ${hex(page * PAGE)}`);
			memory.delete(page);
		}
	}
}

/** How many pages a length is, after rounding up in a word of 64 bits. */
function pagesOf(length: number): number {
	return Math.ceil(length / PAGE) % PAGES;
}

function put(memory: Memory, page: number, token: number): void {
	if (token === 0) memory.delete(page);
	else memory.set(page, token);
}

function movePage(memory: Memory, dst: number, src: number): void {
	put(memory, dst, memory.get(src) ?? 0);
	memory.delete(src);
}

/** Forgets a range of pages, which may be much longer than what there is. */
function clear(memory: Memory, from_: number, to_: number): void {
	const from = Math.floor(from_), to = Math.ceil(to_);
	if (to - from < memory.size) {
		for (let page = from; page < to; page++) memory.delete(page);
	} else {
		for (const page of memory.keys()) if (page >= from && page < to) memory.delete(page);
	}
}
