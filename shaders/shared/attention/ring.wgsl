override RING: u32 = 0; // positions that the cache has room for; 0: all there are

// Where the cache holds a position.
fn place(position: u32) -> u32 {
    if (RING == 0u) {
        return position;
    }
    // A remainder by zero is refused even where it is not reached.
    return position % max(RING, 1u);
}
