override RING: u32 = 0; // places of the cache; 0: one for each position

// The place of a position in the cache.
fn place(position: u32) -> u32 {
    if (RING == 0u) {
        return position;
    }
    // Compilers reject a remainder by zero even in code that is not reached.
    return position % max(RING, 1u);
}
