import {modelBug} from './bug.ts';

/** How many items a chunk may hold before it is cut in two. */
const CHUNK = 256;

interface Chunk<T> {
	readonly keys: number[];
	readonly items: T[];
}

/**
 * Items in the order of a number, in chunks: what the kernel keeps in a red-black tree. Finding, adding and taking away cost the
 * logarithm of the number of chunks and the length of one chunk. Items with the same key keep the order in which they came.
 */
export class RangeList<T> {
	private readonly chunks: Chunk<T>[] = [];
	length = 0;

	/** Adds behind every item whose key is not larger. */
	insert(key: number, item: T): void {
		this.length++;
		const at = this.chunkOf(key);
		const chunk = this.chunks[at];
		if (chunk === undefined) {
			this.chunks.push({keys: [key], items: [item]});
			return;
		}
		const index = upperBound(chunk.keys, key);
		chunk.keys.splice(index, 0, key);
		chunk.items.splice(index, 0, item);
		if (chunk.keys.length > CHUNK) {
			const half = chunk.keys.length >>> 1;
			this.chunks.splice(at + 1, 0, {keys: chunk.keys.splice(half), items: chunk.items.splice(half)});
		}
	}

	/** Takes an item away. It is a bug of the model if it is not there under that key. */
	remove(key: number, item: T): void {
		for (let at = this.firstChunkWith(key); at < this.chunks.length; at++) {
			const chunk = this.chunks[at]!;
			if (chunk.keys[0]! > key) break;
			const index = chunk.items.indexOf(item, lowerBound(chunk.keys, key));
			if (index < 0) continue;
			if (chunk.keys[index] !== key) break;
			chunk.keys.splice(index, 1);
			chunk.items.splice(index, 1);
			if (chunk.keys.length === 0) this.chunks.splice(at, 1);
			this.length--;
			return;
		}
		modelBug(`an item with key ${key} is not in the list`);
	}

	/** The last item whose key is not larger; null if there is none. */
	floor(key: number): T | null {
		const {chunks} = this;
		let low = 0, high = chunks.length;
		while (low < high) {
			const middle = (low + high) >>> 1;
			if (chunks[middle]!.keys[0]! <= key) low = middle + 1;
			else high = middle;
		}
		if (low === 0) return null;
		const chunk = chunks[low - 1]!;
		return chunk.items[upperBound(chunk.keys, key) - 1]!;
	}

	/** Calls back for each item whose key lies in a range, in order, until the callback returns false. */
	forEachIn(from: number, to: number, each: (item: T) => boolean): void {
		for (let at = this.firstChunkWith(from); at < this.chunks.length; at++) {
			const {keys, items} = this.chunks[at]!;
			for (let index = lowerBound(keys, from); index < keys.length; index++) {
				if (keys[index]! > to || !each(items[index]!)) return;
			}
		}
	}

	/** The chunk that holds the last key not above this one, or the first chunk. */
	private chunkOf(key: number): number {
		let low = 0, high = this.chunks.length;
		while (low < high) {
			const middle = (low + high) >>> 1;
			if (this.chunks[middle]!.keys[0]! <= key) low = middle + 1;
			else high = middle;
		}
		return low === 0 ? 0 : low - 1;
	}

	/** The first chunk whose last key is not below this one. */
	private firstChunkWith(key: number): number {
		let low = 0, high = this.chunks.length;
		while (low < high) {
			const middle = (low + high) >>> 1, {keys} = this.chunks[middle]!;
			if (keys[keys.length - 1]! < key) low = middle + 1;
			else high = middle;
		}
		return low;
	}
}

/** The first index whose key is above. */
function upperBound(keys: readonly number[], key: number): number {
	let low = 0, high = keys.length;
	while (low < high) {
		const middle = (low + high) >>> 1;
		if (keys[middle]! <= key) low = middle + 1;
		else high = middle;
	}
	return low;
}

/** The first index whose key is not below. */
function lowerBound(keys: readonly number[], key: number): number {
	let low = 0, high = keys.length;
	while (low < high) {
		const middle = (low + high) >>> 1;
		if (keys[middle]! < key) low = middle + 1;
		else high = middle;
	}
	return low;
}
