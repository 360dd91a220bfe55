import {
	_PAGE_CHG_MASK, _PAGE_DIRTY, _PAGE_FILE, _PAGE_NUMA, _PAGE_PRESENT, _PAGE_PROTNONE, _PAGE_PSE, _PAGE_RW, _PAGE_SOFT_DIRTY, _PAGE_SPECIAL, _PAGE_SWAP,
	_PAGE_SWP_SOFT_DIRTY,
} from '../../arch/x86/pgtable.ts';
import {D} from '../../include/linux/decisions.ts';
import {HUGE_ZERO_PAGE, type Machine, ZERO_PAGE} from '../../include/linux/machine.ts';
import {page_index, PG_anon, PG_dirty, PG_head, PG_ksm, PG_mlocked, PG_swapcache, vma_pages, vma_test, VM_NONLINEAR, VM_PFNMAP, VM_WRITE} from '../../include/linux/mm.ts';
import {MM_ANONPAGES, MM_FILEPAGES, MM_SWAPENTS, type mm_struct, type vm_area_struct} from '../../include/linux/mm_types.ts';
import {broken, hex} from './broken.ts';
import {VmaInspector} from './vma-invariants.ts';

/** Frames of a group on x86_64, whose machines these are. */
const GROUP = 512;

// What holds between two rows, computed anew from the page tables of all address spaces and compared with what the model keeps.

/** What the postings themselves break, or a copied swap-in: see Inspector. */
export const findings = ['scattered', 'lost', 'shared', 'stained', 'orphan'] as const;
export type Finding = typeof findings[number];

/** What a table is, by its level; the value is kept by table while it is not known. */
const FREE = -1, UNSEEN = 0, PTE_TABLE = 1, PMD_TABLE = 2, PGD_TABLE = 4, PUT_BY = 5;
/** What an entry takes from its vma alone: neither what pte_modify() keeps, nor the right to write, which a fault gives. */
const RIGHTS = ~(_PAGE_CHG_MASK | _PAGE_RW | _PAGE_PSE);
/** A NUMA hint takes the place of these. */
const HINTED = _PAGE_NUMA | _PAGE_PRESENT | _PAGE_PROTNONE;
const PRESENT = _PAGE_PRESENT | _PAGE_PROTNONE | _PAGE_NUMA;

/** Why a page is not found from its anon_vma at the place of an entry: in rising order of what ksm_might_need_to_copy() would see. */
const FOUND = 0, NOT_LINKED = 1, DEAD = 2, OTHER_ROOT = 3, OTHER_INDEX = 4;
const whyNot = ['', 'its vma is not linked to', 'the entry outlived', 'its vma has another root than', 'page_index is another in'];

type Column = Int32Array<ArrayBuffer>;

/** The same column, or a longer one. */
function atLeast(column: Column, length: number): Column {
	if (column.length >= length) return column;
	const longer = new Int32Array(length * 2);
	longer.set(column);
	return longer;
}

/** A mark for each frame or slot: as it is at this look, and as it was at the last one. */
class Marks {
	now: Column = new Int32Array(64);
	before: Column = new Int32Array(64);
	/** How often one has begun. */
	begun = 0;

	begin(length: number): void {
		this.now = atLeast(this.now, length);
		this.before = atLeast(this.before, length);
		[this.before, this.now] = [this.now, this.before];
		this.now.fill(0, 0, length);
	}

	set(at: number): void {
		if (this.now[at] === 0 && this.before[at] === 0) this.begun++;
		this.now[at] = 1;
	}

	/** It was so at the last look, or is now. */
	known(at: number): boolean {
		return this.before[at] !== 0 || this.now[at] !== 0;
	}
}

/** What is counted on the way through an address space. */
class Count {
	anon = 0;
	files = 0;
	swap = 0;
	tables = 0;
	huge = 0;
	/** The first vma that does not end before the place. */
	vma: vm_area_struct | null = null;
}

/**
 * Looks at one machine again and again.
 *
 * Most invariants need the state alone. Some are broken by the postings themselves (see findings in the README) and stay so for a while, so what was
 * broken is remembered from one look to the next, and may only begin where a posting breaks it:
 *
 * - scattered: a slot whose holders are at different indexes or under different roots. A swap entry has moved, or a page of the swap cache; or a page
 *   that was mapped so was swapped out. KSM does the same in its own right.
 * - lost: a page that the rmap does not find at one of its entries. A moved swap entry was read in where KSM is not built in; or a page of the swap cache
 *   has moved, so that its anon_vma is the mover's alone, and has come back to the index at which another task still has the swap entry.
 * - shared: a page that is writable and has other holders: copy-on-write is lost through the swap cache.
 * - stained: such a page once it was written. Only its entry says that it is dirty, and unmapping an anonymous page does not save that, so the slot may
 *   have the last word.
 * - orphan: a page of the swap cache that nothing else holds. Its last swap entry was read in as a copy, as is a KSM page that is written, and reclaim
 *   has not come by.
 */
export class Inspector {
	readonly m: Machine;
	/** The address spaces at this look. */
	readonly mms: mm_struct[] = [];
	/**
	 * The entries that map or hold something anonymous, a huge one as many as it has pages: how many; of which of `mms`; the page number of the
	 * address; the page that has the content, 0 for none; and the slot, 0 for none.
	 */
	entries = 0;
	owner: Column = new Int32Array(1024);
	vpn = new Float64Array(1024);
	page: Column = new Int32Array(1024);
	slot: Column = new Int32Array(1024);
	/** By slot, but `lost` and `shared` by frame. */
	readonly marks: Readonly<Record<Finding, Marks>> = {scattered: new Marks(), lost: new Marks(), shared: new Marks(), stained: new Marks(), orphan: new Marks()};

	private readonly vmas: VmaInspector;
	/** Marks of a page in the swap cache go by its slot as well, since the page may move to another frame. */
	private readonly lostSlots = new Marks();
	private readonly sharedSlots = new Marks();
	/** All places that are not empty, in rising order, and by table the first of them. */
	private used: Column = new Int32Array(1024);
	private first: Column = new Int32Array(64);
	private level: Column = new Int32Array(64);
	// by frame
	private mapped: Column = new Int32Array(1024);
	private writable: Column = new Int32Array(1024);
	private dirty: Column = new Int32Array(1024);
	// by slot: how many entries hold it, and the root and index of one
	private holders: Column = new Int32Array(64);
	private root: Column = new Int32Array(64);
	private index = new Float64Array(64);
	/** Entries that the rmap does not find: frame, slot or 0, why, place. */
	private readonly missed: number[] = [];
	private looks = 0;
	/** Something was merged, so slots may have many kinds of holders. */
	private merged = false;
	// decisions until the last look, and what has happened since
	private pagesMoved = 0;
	private swapsMoved = 0;
	private copies = 0;
	private pageMoved = false;
	private swapMoved = false;
	private copied = false;

	constructor(m: Machine) {
		this.m = m;
		this.vmas = new VmaInspector(m);
	}

	/** @throws BrokenInvariant */
	check(): void {
		this.begin();
		this.vmas.check();
		this.scan();
		let nr = 0;
		for (const mm of this.m.mms) {
			this.mms[nr] = mm;
			this.checkAddressSpace(mm, nr++);
		}
		this.mms.length = nr;
		this.checkTables();
		this.checkSlots();
		this.checkFrames();
		this.checkMissed();
		this.walkSome();
	}

	/** Lengthens and empties the columns, and finds out what has happened since the last look. */
	private begin(): void {
		const {mem_map, tables, swap, taken} = this.m, {nr_frames} = mem_map, slots = swap.pages + 1, {marks} = this;
		this.used = atLeast(this.used, (tables.nr_tables + 1) * tables.stride);
		this.first = atLeast(this.first, tables.nr_tables + 1);
		this.level = atLeast(this.level, tables.nr_tables);
		this.mapped = atLeast(this.mapped, nr_frames);
		this.writable = atLeast(this.writable, nr_frames);
		this.dirty = atLeast(this.dirty, nr_frames);
		this.holders = atLeast(this.holders, slots);
		this.root = atLeast(this.root, slots);
		if (this.index.length < slots) this.index = new Float64Array(slots);
		this.level.fill(UNSEEN, 0, tables.nr_tables);
		this.mapped.fill(0, 0, nr_frames);
		this.writable.fill(0, 0, nr_frames);
		this.dirty.fill(0, 0, nr_frames);
		this.holders.fill(0, 0, slots);
		this.root.fill(0, 0, slots);
		for (const by of [marks.lost, marks.shared]) by.begin(nr_frames);
		for (const by of [marks.scattered, marks.stained, marks.orphan, this.lostSlots, this.sharedSlots]) by.begin(slots);
		this.missed.length = 0;
		this.entries = 0;
		this.looks++;
		const pagesMoved = taken[D.rap_page_moved]!, swapsMoved = taken[D.rap_swap_moved]!, copies = taken[D.swapped_page_copied]!;
		this.pageMoved = pagesMoved > this.pagesMoved;
		this.swapMoved = swapsMoved > this.swapsMoved;
		this.copied = copies > this.copies;
		this.pagesMoved = pagesMoved;
		this.swapsMoved = swapsMoved;
		this.copies = copies;
	}

	// page tables

	/** Lists every place of every table, free ones too, that is not empty. */
	private scan(): void {
		const {bits, frame, stride, nr_tables} = this.m.tables, {used, first} = this;
		let n = 0;
		for (let table = 0; table < nr_tables; table++) {
			first[table] = n;
			for (let place = table * stride, end = place + stride; place < end; place++) {
				if ((bits[place]! | frame[place]!) !== 0) used[n++] = place;
			}
		}
		first[nr_tables] = n;
		if (first[1] !== 0) broken('page tables', 'table 0, which is none, is not empty');
	}

	/** Goes through the tables of one address space beside its vmas. */
	private checkAddressSpace(mm: mm_struct, nr: number): void {
		const count = new Count(), {rss_stat} = mm;
		count.vma = mm.mmap;
		this.checkTable(nr, mm.pgd, PGD_TABLE, 0, count);
		if (rss_stat[MM_ANONPAGES] !== count.anon) broken('rss', `${rss_stat[MM_ANONPAGES]} anonymous pages are counted, ${count.anon} are mapped`);
		if (rss_stat[MM_FILEPAGES] !== count.files) broken('rss', `${rss_stat[MM_FILEPAGES]} file pages are counted, ${count.files} are mapped`);
		if (rss_stat[MM_SWAPENTS] !== count.swap) broken('rss', `${rss_stat[MM_SWAPENTS]} swap entries are counted, there are ${count.swap}`);
		for (const table of mm.pmd_huge_pte) this.reach(table, PUT_BY);
		if (mm.pmd_huge_pte.length !== count.huge) broken('huge pages', `${count.huge} entries are huge, ${mm.pmd_huge_pte.length} tables are put by`);
		const ptes = count.tables + count.huge;
		if (mm.nr_ptes !== ptes) broken('page tables', `nr_ptes is ${mm.nr_ptes}, there are ${ptes} pte tables`);
		this.checkWalks(mm);
	}

	private reach(table: number, level: number): void {
		if (table <= 0 || table >= this.m.tables.nr_tables) broken('page tables', `table ${table} was never given out`);
		if (this.level[table] !== UNSEEN) broken('page tables', `table ${table} is reached twice`);
		this.level[table] = level;
	}

	/** @param base - the page number of the first address */
	private checkTable(nr: number, table: number, level: number, base: number, count: Count): void {
		const {tables} = this.m, {used, first} = this;
		this.reach(table, level);
		if (level === PTE_TABLE) {
			count.tables++;
			return this.checkPtes(nr, table, base, count);
		}
		const pages = 512 ** (level - 1), bytes = pages * 4096;
		for (let i = first[table]!, end = first[table + 1]!; i < end; i++) {
			const place = used[i]!, from = base + (place - table * tables.stride) * pages, start = from * 4096, bits = tables.bits[place]!;
			while (count.vma !== null && count.vma.vm_end <= start) count.vma = count.vma.vm_next;
			if (count.vma === null || count.vma.vm_start >= start + bytes) broken('page tables', `a table is left at ${hex(start)}, where no vma is`);
			if (level === PMD_TABLE && (bits & _PAGE_PSE) !== 0) {
				this.checkHuge(nr, place, from, count.vma, count);
				continue;
			}
			const hinted = bits === _PAGE_NUMA && level === PMD_TABLE && this.m.rev.numa_hints_tables;
			if (bits !== _PAGE_PRESENT && !hinted) broken('entries', `${hex(bits)} hangs a table at ${hex(start)}`);
			this.checkTable(nr, tables.frame[place]!, level - 1, from, count);
		}
	}

	private checkPtes(nr: number, table: number, base: number, count: Count): void {
		const {bits: column, frame: frames, stride} = this.m.tables, {used, first} = this;
		for (let i = first[table]!, end = first[table + 1]!; i < end; i++) {
			const place = used[i]!, bits = column[place]!, frame = frames[place]!, vpn = base + (place - table * stride), address = vpn * 4096;
			while (count.vma !== null && count.vma.vm_end <= address) count.vma = count.vma.vm_next;
			const {vma} = count;
			if (vma === null || vma.vm_start > address) broken('entries', `an entry at ${hex(address)} lies outside of every vma`);
			if ((bits & PRESENT) === 0) {
				this.checkAbsent(nr, place, vma, address, bits, frame, count);
				continue;
			}
			this.checkRights(vma, address, bits);
			if ((bits & _PAGE_SPECIAL) !== 0) this.checkSpecial(nr, vma, address, bits, frame);
			else this.checkPresent(nr, place, vma, address, bits, frame, count);
		}
	}

	private checkPresent(nr: number, place: number, vma: vm_area_struct, address: number, bits: number, frame: number, count: Count): void {
		const {mem_map} = this.m;
		if (frame < GROUP || frame >= mem_map.nr_frames) broken('frames', `frame ${frame} at ${hex(address)} was never given out`);
		const flags = mem_map.flags[frame]!;
		this.mapped[frame]!++;
		if ((flags & PG_anon) === 0) {
			if (mem_map.mapping[frame] === 0) broken('anonymous pages', `frame ${frame} is mapped at ${hex(address)} and has no anon_vma`);
			count.files++;
			return this.checkFilePage(frame, vma, address);
		}
		count.anon++;
		if ((bits & _PAGE_RW) !== 0) this.writable[frame] = 1;
		if ((bits & _PAGE_DIRTY) !== 0) this.dirty[frame] = 1;
		const slot = (flags & PG_swapcache) !== 0 ? mem_map.private_[frame]! : 0;
		this.note(nr, vma, address, frame, slot);
		if (slot !== 0) this.noteHolder(slot, vma, address);
		this.find(frame, slot, vma, address, place);
	}

	/** Swapped out; or of a nonlinear mapping of a file. */
	private checkAbsent(nr: number, place: number, vma: vm_area_struct, address: number, bits: number, slot: number, count: Count): void {
		const {swap, mem_map, rev} = this.m;
		if ((bits & _PAGE_FILE) !== 0) {
			if (!vma_test(vma, VM_NONLINEAR)) broken('entries', `a nonlinear entry at ${hex(address)} in a vma that is linear`);
			return;
		}
		if ((bits & ~_PAGE_SWP_SOFT_DIRTY) !== _PAGE_SWAP) broken('entries', `${hex(bits)} at ${hex(address)} is neither present nor a swap entry`);
		if (bits !== _PAGE_SWAP && !rev.soft_dirty) broken('entry rights', `soft-dirty at ${hex(address)}, which this kernel does not have`);
		if (slot < 1 || slot > swap.pages) broken('swap slots', `the entry at ${hex(address)} holds slot ${slot} of ${swap.pages}`);
		const page = swap.cache[slot]!;
		this.holders[slot]!++;
		count.swap++;
		this.note(nr, vma, address, page, slot);
		this.noteHolder(slot, vma, address);
		if (page !== 0 && (mem_map.flags[page]! & PG_anon) !== 0) this.find(page, slot, vma, address, place);
	}

	/** The zero page, or a page of a driver. */
	private checkSpecial(nr: number, vma: vm_area_struct, address: number, bits: number, frame: number): void {
		if (vma_test(vma, VM_PFNMAP)) return;
		if (frame !== ZERO_PAGE || (bits & _PAGE_RW) !== 0) broken('entries', `the special entry at ${hex(address)} is not the read-only zero page`);
		this.note(nr, vma, address, ZERO_PAGE, 0);
	}

	private checkHuge(nr: number, place: number, vpn: number, vma: vm_area_struct, count: Count): void {
		const {tables, mem_map} = this.m, bits = tables.bits[place]!, head = tables.frame[place]!, address = vpn * 4096;
		if (vma.vm_start > address || vma.vm_end < address + 2 ** 21) broken('huge pages', `the one at ${hex(address)} is not all inside of its vma`);
		if (vma.vm_file !== null) broken('huge pages', `there is one at ${hex(address)}, in a mapping of a file`);
		this.checkRights(vma, address, bits);
		count.huge++;
		if (head === HUGE_ZERO_PAGE) {
			if ((bits & _PAGE_RW) !== 0) broken('entries', `the huge zero page at ${hex(address)} is writable`);
			return;
		}
		if (head < GROUP || head >= mem_map.nr_frames || (mem_map.flags[head]! & PG_head) === 0) broken('huge pages', `frame ${head} at ${hex(address)} is none`);
		this.mapped[head]!++;
		count.anon += GROUP;
		if ((bits & _PAGE_RW) !== 0) this.writable[head] = 1;
		if ((bits & _PAGE_DIRTY) !== 0) this.dirty[head] = 1;
		for (let i = 0; i < GROUP; i++) this.note(nr, vma, address + i * 4096, head + i, 0);
		this.find(head, 0, vma, address, place);
	}

	/** Keeps what an entry of an anonymous mapping holds, for who looks at contents. */
	private note(nr: number, vma: vm_area_struct, address: number, page: number, slot: number): void {
		if (vma.vm_file !== null) return;
		const n = this.entries++;
		if (n >= this.vpn.length) {
			const longer = new Float64Array(n * 2);
			longer.set(this.vpn);
			this.vpn = longer;
			this.owner = atLeast(this.owner, n * 2);
			this.page = atLeast(this.page, n * 2);
			this.slot = atLeast(this.slot, n * 2);
		}
		this.owner[n] = nr;
		this.vpn[n] = address / 4096;
		this.page[n] = page;
		this.slot[n] = slot;
	}

	private checkRights(vma: vm_area_struct, address: number, bits: number): void {
		const rights = (bits & _PAGE_NUMA) !== 0 ? RIGHTS & ~HINTED : RIGHTS;
		if ((bits & rights) !== (vma.vm_page_prot & rights)) broken('entry rights', `${hex(bits)} at ${hex(address)}, where vm_page_prot is ${hex(vma.vm_page_prot)}`);
		if ((bits & _PAGE_RW) !== 0 && !vma_test(vma, VM_WRITE)) broken('entry rights', `${hex(address)} is writable in a vma that is not`);
		if ((bits & _PAGE_SOFT_DIRTY) !== 0 && !this.m.rev.soft_dirty) broken('entry rights', `soft-dirty at ${hex(address)}, which this kernel does not have`);
	}

	/** Tables that nothing reaches are the free ones, and they are empty but for their chain. */
	private checkTables(): void {
		const {tables} = this.m, {level, first, used} = this;
		let free = 0, reached = 0;
		for (let table = tables.free_table; table !== 0; table = tables.frame[table * tables.stride]!) {
			if (table < 0 || table >= tables.nr_tables) broken('page tables', `table ${table} is in the list of the free ones`);
			if (level[table] !== UNSEEN) broken('page tables', `table ${table} is free and ${level[table] === FREE ? 'free again' : 'in use'}`);
			level[table] = FREE;
			free++;
		}
		for (let table = 1; table < tables.nr_tables; table++) {
			if (level[table] === UNSEEN) broken('page tables', `table ${table} is neither in use nor free`);
			if (level[table] === PUT_BY && first[table] !== first[table + 1]) broken('huge pages', `table ${table} is put by and not empty`);
			if (level[table] !== FREE) {
				reached++;
				continue;
			}
			for (let i = first[table]!; i < first[table + 1]!; i++) {
				if (used[i] !== table * tables.stride || tables.bits[used[i]!] !== 0) broken('page tables', `table ${table} is free and not empty`);
			}
		}
		if (tables.nr_used !== reached) broken('page tables', `${tables.nr_used} tables are counted, ${reached} are in use`);
		if (free + reached !== tables.nr_tables - 1) broken('page tables', `${free} free tables and ${reached} used ones are not ${tables.nr_tables - 1}`);
	}

	/** The remembered places of pmd entries are where a walk would end. */
	private checkWalks(mm: mm_struct): void {
		const {frame, bits, stride} = this.m.tables, {walk_key, walk_pmd} = mm;
		for (let way = 0; way < walk_key.length; way++) {
			const key = walk_key[way]!;
			if (key < 0) continue;
			const pgd = mm.pgd * stride + Math.floor(key / 512 ** 2), pud = frame[pgd]! * stride + (Math.floor(key / 512) & 511);
			if (bits[pgd] === 0 || bits[pud] === 0) broken('walk cache', `a pmd at ${hex(key * 2 ** 21)} is remembered, and its table is gone`);
			if (walk_pmd[way] !== frame[pud]! * stride + (key & 511)) broken('walk cache', `the pmd at ${hex(key * 2 ** 21)} is remembered elsewhere`);
		}
	}

	// from a page to its entries

	/** All who hold a slot, swap entries and those that map its page, are copies of one entry: at the same index, under the same root. */
	private noteHolder(slot: number, vma: vm_area_struct, address: number): void {
		if (vma.anon_vma === null) broken('anonymous pages', `there is one at ${hex(address)}, in a vma without an anon_vma`);
		const root = vma.anon_vma.root.id, index = indexOf(vma, address);
		if (this.root[slot] === 0) {
			this.root[slot] = root;
			this.index[slot] = index;
		} else if (this.root[slot] !== root || this.index[slot] !== index) {
			this.marks.scattered.set(slot);
		}
	}

	/** Would a walk of the page's anon_vma come to this entry? @param slot - of a page in the swap cache, otherwise 0 */
	private find(page: number, slot: number, vma: vm_area_struct, address: number, place: number): void {
		const {m} = this;
		if (vma.anon_vma === null) broken('anonymous pages', `there is one at ${hex(address)}, in a vma without an anon_vma`);
		if ((m.mem_map.flags[page]! & PG_ksm) !== 0) {
			this.merged = true;
			return;
		}
		const id = m.mem_map.mapping[page]!;
		let why = FOUND;
		if (page_index(m, page) !== indexOf(vma, address)) {
			why = OTHER_INDEX;
		} else if (!isLinked(vma, id)) {
			const av = m.anon_vmas.get(id);
			why = av === undefined ? DEAD : av.root === vma.anon_vma.root ? NOT_LINKED : OTHER_ROOT;
		}
		if (why === FOUND) return;
		this.marks.lost.set(page);
		if (slot !== 0) this.lostSlots.set(slot);
		this.missed.push(page, slot, why, place);
	}

	/** A page of a file is in its page cache, and mapped where it belongs. */
	private checkFilePage(page: number, vma: vm_area_struct, address: number): void {
		const {m} = this, file = m.files.get(m.mem_map.mapping[page]!), index = page_index(m, page);
		if (file === undefined || file !== vma.vm_file) broken('file pages', `frame ${page} at ${hex(address)} belongs to no file, or to another one`);
		if (file.i_pages.get(index) !== page) broken('file pages', `frame ${page} at ${hex(address)} is not in the page cache`);
		if (!vma_test(vma, VM_NONLINEAR) && index !== indexOf(vma, address)) broken('file pages', `frame ${page} at ${hex(address)} belongs to another offset`);
	}

	/** An entry that the rmap does not find is known to come from a move, and with KSM is no other than ksm_might_need_to_copy() lets through. */
	private checkMissed(): void {
		const {missed, m, marks} = this;
		for (let i = 0; i < missed.length; i += 4) {
			const page = missed[i]!, slot = missed[i + 1]!, why = missed[i + 2]!, place = missed[i + 3]!;
			const isMapped = (m.tables.bits[place]! & PRESENT) !== 0;
			// what moves is found where it went; only others can miss it, and those have no more than its swap entry
			const known = (!isMapped && (this.pageMoved || this.swapMoved)) || marks.lost.before[page] !== 0
				|| (slot !== 0 && (marks.scattered.known(slot) || this.lostSlots.before[slot] !== 0));
			const letThrough = !isMapped || !m.config.ksm || why === NOT_LINKED || why === DEAD;
			if (known && letThrough) continue;
			broken('rmap', `frame ${page} ${isMapped ? 'is mapped' : 'has its swap entry'} at place ${place}, where the rmap does not find it: ${whyNot[why]} its anon_vma`);
		}
	}

	/** Walks the anon_vma's tree as rmap_walk() does, for a sixteenth of the pages at each look. */
	private walkSome(): void {
		const {m} = this, {mem_map} = m;
		for (let page = GROUP + (this.looks & 15); page < mem_map.nr_frames; page += 16) {
			if (mem_map._mapcount[page] === 0 || this.marks.lost.now[page] !== 0 || (mem_map.flags[page]! & (PG_anon | PG_ksm)) !== PG_anon) continue;
			const av = m.anon_vmas.get(mem_map.mapping[page]!), index = page_index(m, page);
			let found = 0;
			av?.rb_root.forEachIn(index - av.longest, index, ({vma}) => {
				if (index < vma.vm_pgoff + vma_pages(vma) && this.isMappedAt(vma.vm_mm, vma.vm_start / 4096 + index - vma.vm_pgoff, page)) found++;
				return true;
			});
			if (found !== mem_map._mapcount[page]) broken('rmap', `frame ${page} is mapped ${mem_map._mapcount[page]} times, the walk finds ${found} of them`);
		}
	}

	private isMappedAt(mm: mm_struct, vpn: number, page: number): boolean {
		const {bits, frame, stride} = this.m.tables;
		let table = mm.pgd;
		for (let pages = 512 ** 3; pages >= 1; pages /= 512) {
			const place = table * stride + (Math.floor(vpn / pages) & 511);
			if (bits[place] === 0) return false;
			if (pages === 1 || (bits[place]! & _PAGE_PSE) !== 0) return (bits[place]! & PRESENT) !== 0 && (bits[place]! & _PAGE_SPECIAL) === 0 && frame[place] === page;
			table = frame[place]!;
		}
		return false;
	}

	// struct page

	/** Every frame is held, or a part of a huge page, or free; and the lists of the free ones have them all. */
	private checkFrames(): void {
		const {mem_map} = this.m, {nr_groups} = mem_map;
		for (let page = 0; page < GROUP; page++) {
			const zero = page === ZERO_PAGE;
			if (mem_map._count[page] !== (zero ? 1 : 0) || mem_map._mapcount[page] !== 0 || mem_map.flags[page] !== 0 || mem_map.token_lo[page] !== 0
				|| mem_map.token_hi[page] !== 0) broken('frames', `frame ${page}, which is never given out, is not as it was`);
		}
		let used = 0, partial = 0, empty = 0;
		for (let group = 1; group < nr_groups; group++) {
			const taken = this.checkGroup(group);
			used += taken;
			if (taken === 0) empty++;
			else if (taken < GROUP) partial++;
		}
		if (mem_map.nr_used !== used) broken('frames', `${mem_map.nr_used} are counted, ${used} are held`);
		for (let group = mem_map.partial_group, prev = 0; group !== 0; prev = group, group = mem_map.group_next[group]!) {
			const taken = mem_map.group_used[group]!;
			if (partial-- === 0 || taken === 0 || taken === GROUP || mem_map.group_prev[group] !== prev) broken('frames', 'the list of groups with free frames is wrong');
		}
		for (let group = mem_map.empty_group; group !== 0; group = mem_map.group_next[group]!) {
			if (empty-- === 0 || mem_map.group_used[group] !== 0) broken('frames', 'the list of groups that are all free is wrong');
		}
		if (partial !== 0 || empty !== 0) broken('frames', `${partial + empty} groups with free frames are in no list`);
	}

	/** @returns how many frames of the group are in use */
	private checkGroup(group: number): number {
		const {mem_map} = this.m, start = group * GROUP, fresh = mem_map.group_fresh[group]!;
		const huge = (mem_map.flags[start]! & PG_head) !== 0;
		let used = 0, free = 0;
		for (let page = start; page < start + GROUP; page++) {
			const tail = huge && page !== start;
			if (mem_map._count[page] !== 0 || tail) used++;
			if (mem_map._count[page] !== 0 && !tail) this.checkFrame(page);
			else this.checkUnused(page, tail);
			if (mem_map._count[page] !== 0 && page - start >= fresh) broken('frames', `frame ${page} is in use, and its group is not used up to it`);
		}
		for (let page = mem_map.group_free[group]!; page !== 0; page = mem_map.index[page]!) {
			if (page < start || page >= start + fresh || mem_map._count[page] !== 0 || huge) broken('frames', `frame ${page} is free and in use, or in the list of another group`);
			if (++free > GROUP) broken('frames', `the list of the free ones of group ${group} has no end`);
		}
		if (mem_map.group_used[group] !== used) broken('frames', `${mem_map.group_used[group]} of group ${group} are counted, ${used} are held`);
		if (used + free !== fresh) broken('frames', `${used} used and ${free} free ones of group ${group} are not ${fresh}: some are lost`);
		return used;
	}

	/** A frame that nobody holds, or a part of a huge page, of which only the head has a count and flags. */
	private checkUnused(page: number, tail: boolean): void {
		const {mem_map} = this.m;
		if (this.mapped[page] !== 0 || mem_map._mapcount[page] !== 0) broken('frames', `frame ${page} is mapped, and ${tail ? 'a part of a huge page' : 'free'}`);
		if (mem_map.flags[page] !== 0 || mem_map.mapping[page] !== 0 || mem_map.private_[page] !== 0 || mem_map._count[page] !== 0
			|| (!tail && (mem_map.token_lo[page] !== 0 || mem_map.token_hi[page] !== 0))) broken('frames', `frame ${page} is not as a fresh one is`);
	}

	private checkFrame(page: number): void {
		const {mem_map} = this.m, mapped = this.mapped[page]!, flags = mem_map.flags[page]!, cached = (flags & PG_swapcache) !== 0;
		const anon = (flags & PG_anon) !== 0, mapping = mem_map.mapping[page]!;
		if (mem_map._mapcount[page] !== mapped) broken('mapcount', `of frame ${page} is ${mem_map._mapcount[page]}, ${mapped} entries map it`);
		// a page of a file is held by its page cache
		const count = mapped + (cached ? 1 : 0) + (!anon && mapping !== 0 ? 1 : 0);
		if (mem_map._count[page] !== count) broken('page count', `of frame ${page} is ${mem_map._count[page]}, where ${count} hold it`);
		if (!anon && mapping !== 0) this.checkCached(page, mapping);
		if (anon && mapping === 0) broken('anonymous pages', `frame ${page} is one and has no anon_vma`);
		if ((flags & PG_mlocked) !== 0 && mapped === 0) broken('mlocked pages', `frame ${page} is mlocked and not mapped`);
		if ((flags & PG_head) !== 0 && cached) broken('huge pages', `frame ${page} is in the swap cache`);
		if (this.writable[page] !== 0 && (flags & PG_ksm) !== 0) broken('copy-on-write', `frame ${page} is a KSM page and writable`);
		const slot = mem_map.private_[page]!;
		if (!cached && slot !== 0) broken('swap cache', `frame ${page} has slot ${slot} and is not in it`);
		const others = cached ? mapped + this.checkSwapCached(page, slot) : mapped;
		if (this.writable[page] === 0 || others === 1) return;
		this.marks.shared.set(page);
		if (slot !== 0) this.sharedSlots.set(slot);
		if (this.marks.shared.before[page] !== 0 || (slot !== 0 && this.sharedSlots.before[slot] !== 0) || (this.pageMoved && mapped === 1)) return;
		broken('copy-on-write', `frame ${page} is writable and has ${others} holders, and no page has moved that may have`);
	}

	private checkCached(page: number, id: number): void {
		if (this.m.files.get(id)?.i_pages.get(page_index(this.m, page)) !== page) broken('file pages', `frame ${page} is not in the page cache of file ${id}`);
	}

	/** @returns how many swap entries hold the page's slot */
	private checkSwapCached(page: number, slot: number): number {
		const {mem_map, swap} = this.m, {stained} = this.marks, {token_lo, token_hi} = mem_map;
		if (slot < 1 || slot > swap.pages || swap.cache[slot] !== page) broken('swap cache', `frame ${page} is in it for slot ${slot}, which does not have it`);
		const entries = swap.count[slot]!, marked = (mem_map.flags[page]! & PG_dirty) !== 0;
		if (marked || (swap.token_lo[slot] === token_lo[page] && swap.token_hi[slot] === token_hi[page])) return entries;
		// the entry of one who has it alone says so too
		if (this.dirty[page] !== 0 && entries === 0) return entries;
		stained.set(slot);
		if (stained.before[slot] === 0 && this.marks.shared.before[page] === 0) broken('clean pages', `frame ${page} is not marked dirty and differs from slot ${slot}`);
		return entries;
	}

	// swap

	private checkSlots(): void {
		const {swap, mem_map} = this.m, {orphan, scattered} = this.marks, last = Math.min(swap.pages, swap.count.length - 1);
		let inuse = 0;
		for (let slot = 0; slot <= last; slot++) {
			const page = swap.cache[slot]!, count = swap.count[slot]!;
			if (count !== this.holders[slot]) broken('swap count', `of slot ${slot} is ${count}, ${this.holders[slot]} entries hold it`);
			if (count !== 0 || page !== 0) inuse++;
			else if (swap.token_lo[slot] !== 0 || swap.token_hi[slot] !== 0) broken('swap slots', `slot ${slot} is free and has a token`);
			if (scattered.now[slot] !== 0 && scattered.before[slot] === 0) this.checkScattered(slot, page, count);
			if (page === 0) continue;
			if (page < GROUP || page >= mem_map.nr_frames) broken('swap cache', `slot ${slot} has frame ${page}`);
			if ((mem_map.flags[page]! & PG_swapcache) === 0 || mem_map.private_[page] !== slot) broken('swap cache', `slot ${slot} has frame ${page}, which does not know`);
			if (count !== 0 || mem_map._mapcount[page] !== 0) continue;
			orphan.set(slot);
			const ofKsm = (mem_map.flags[page]! & PG_ksm) !== 0;
			if (orphan.before[slot] === 0 && !this.copied && !ofKsm) broken('swap cache', `slot ${slot} and its page are held by nothing else, and no page was copied`);
		}
		for (let slot = last + 1; slot <= swap.pages; slot++) if (this.holders[slot] !== 0) broken('swap count', `slot ${slot} is held and was never reached`);
		if (swap.inuse_pages !== inuse) broken('swap slots', `inuse_pages is ${swap.inuse_pages}, ${inuse} are in use`);
		if (swap.cluster_next < 1 || swap.cluster_next > swap.pages + 1) broken('swap slots', `cluster_next is ${swap.cluster_next}`);
	}

	/**
	 * The holders of a slot are not at the same index, or not under the same root, and were before: a page of the swap cache that only one maps has
	 * moved; or the only swap entry has; or a page that already was mapped so got the slot; or it is one of KSM's.
	 */
	private checkScattered(slot: number, page: number, count: number): void {
		if ((this.pageMoved && page !== 0 && this.mapped[page] === 1) || (this.swapMoved && count === 1) || this.marks.lost.before[page] !== 0 || this.merged) return;
		broken('shared slots', `slot ${slot} is held at two indexes or under two roots, and nothing has moved that may have`);
	}
}

function indexOf(vma: vm_area_struct, address: number): number {
	return (address - vma.vm_start) / 4096 + vma.vm_pgoff;
}

/** Is the vma linked to the anon_vma of that id? */
function isLinked(vma: vm_area_struct, id: number): boolean {
	const chain = vma.anon_vma_chain;
	for (let i = chain.length - 1; i >= 0; i--) if (chain[i]!.anon_vma.id === id) return true;
	return false;
}

const inspectors = new WeakMap<Machine, Inspector>();

/** The one who looks at a machine, and remembers. */
export function inspectorOf(m: Machine): Inspector {
	let inspector = inspectors.get(m);
	if (inspector === undefined) inspectors.set(m, inspector = new Inspector(m));
	return inspector;
}

/**
 * Compares what a machine keeps with what its page tables say.
 *
 * To be called after each row: what the postings themselves break may only begin where they break it.
 *
 * @throws BrokenInvariant, with its name
 */
export function checkInvariants(m: Machine): void {
	inspectorOf(m).check();
}

/** Once the last task has gone, nothing is left but open files, and pages of the swap cache that a copied swap-in has left behind. @throws BrokenInvariant */
export function checkNothingLeft(m: Machine): void {
	checkInvariants(m);
	const {orphan} = inspectorOf(m).marks;
	let orphans = 0, files = 0, cached = 0;
	for (let slot = 1; slot <= m.swap.pages; slot++) orphans += orphan.now[slot]!;
	for (const file of new Set(m.fds.values())) {
		files++;
		cached += file.i_pages.size;
	}
	const left = {mms: m.mms.size, tasks: m.tasks.size, tables: m.tables.nr_used, anon_vmas: m.anon_vmas.size, files: m.files.size - files,
		frames: m.mem_map.nr_used - orphans - cached, slots: m.swap.inuse_pages - orphans};
	for (const [what, many] of Object.entries(left)) if (many !== 0) broken('nothing left', `${many} ${what} are left`);
}
