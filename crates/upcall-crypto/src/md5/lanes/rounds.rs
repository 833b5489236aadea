//! MD5's 64 steps and the transposition before them, for any vector.
//!
//! A macro and not a trait: a method of a trait cannot be safe and have a target feature, and with
//! these functions the compiler checks that each operation is on a CPU that has it.

/// Defines `compress`, with the attributes given, in a module that has:
///
/// - `Vector`, of `LANES` words, and `zero`, `splat`, `load`, `store`;
/// - `add`, `rotate::<LEFT, RIGHT>` (the two add up to 32), and RFC 1321's `f`, `g`, `h` and `i`;
/// - `quads(pieces, block, word)`: from that word on, four words of each lane; row `r` has those of
///   lanes `r`, `r + 4` and so on, one lane in each section of four words;
/// - `low_words`, `high_words`, `low_pairs`, `high_pairs`: the unpacking instructions, which stay
///   within sections.
macro_rules! define_compress {
    ($(#[$feature:meta])*) => {
        /// Runs `blocks` blocks of every lane, for `G` vectors side by side.
        ///
        /// Two vectors do not wait for one another, so that the CPU has something to do during each
        /// one's chain of dependent steps.
        #[expect(clippy::too_many_lines, reason = "MD5 has 64 steps")]
        $(#[$feature])*
        fn compress<const G: usize>(
            chaining: &mut [[[u32; LANES]; 4]; G],
            pieces: &[[&[[u8; BLOCK_BYTES]]; LANES]; G],
            blocks: usize,
        ) {
            let mut state = [[zero(); G]; 4];
            for group in 0..G {
                for word in 0..4 {
                    state[word][group] = load(&chaining[group][word]);
                }
            }
            let mut message = [[zero(); 16]; G];
            for block in 0..blocks {
                for group in 0..G {
                    transpose(&mut message[group], &pieces[group], block);
                }

                let [mut a, mut b, mut c, mut d] = state;
                // One step. What does not depend on the step before is added first.
                macro_rules! step {
                    (
                        $mix:ident, $a:ident $b:ident $c:ident $d:ident,
                        $k:literal, $s:literal, $t:literal
                    ) => {
                        for group in 0..G {
                            let ready = add($a[group], add(message[group][$k], splat($t)));
                            let sum = add(ready, $mix($b[group], $c[group], $d[group]));
                            $a[group] = add($b[group], rotate::<$s, { 32 - $s }>(sum));
                        }
                    };
                }
                // Four steps: which word of the block, and RFC 1321's T.
                macro_rules! steps {
                    (
                        $mix:ident, $s0:literal $s1:literal $s2:literal $s3:literal,
                        $k0:literal $t0:literal, $k1:literal $t1:literal,
                        $k2:literal $t2:literal, $k3:literal $t3:literal
                    ) => {
                        step!($mix, a b c d, $k0, $s0, $t0);
                        step!($mix, d a b c, $k1, $s1, $t1);
                        step!($mix, c d a b, $k2, $s2, $t2);
                        step!($mix, b c d a, $k3, $s3, $t3);
                    };
                }
                steps!(f, 7 12 17 22,
                    0 0xd76a_a478, 1 0xe8c7_b756, 2 0x2420_70db, 3 0xc1bd_ceee);
                steps!(f, 7 12 17 22,
                    4 0xf57c_0faf, 5 0x4787_c62a, 6 0xa830_4613, 7 0xfd46_9501);
                steps!(f, 7 12 17 22,
                    8 0x6980_98d8, 9 0x8b44_f7af, 10 0xffff_5bb1, 11 0x895c_d7be);
                steps!(f, 7 12 17 22,
                    12 0x6b90_1122, 13 0xfd98_7193, 14 0xa679_438e, 15 0x49b4_0821);
                steps!(g, 5 9 14 20,
                    1 0xf61e_2562, 6 0xc040_b340, 11 0x265e_5a51, 0 0xe9b6_c7aa);
                steps!(g, 5 9 14 20,
                    5 0xd62f_105d, 10 0x0244_1453, 15 0xd8a1_e681, 4 0xe7d3_fbc8);
                steps!(g, 5 9 14 20,
                    9 0x21e1_cde6, 14 0xc337_07d6, 3 0xf4d5_0d87, 8 0x455a_14ed);
                steps!(g, 5 9 14 20,
                    13 0xa9e3_e905, 2 0xfcef_a3f8, 7 0x676f_02d9, 12 0x8d2a_4c8a);
                steps!(h, 4 11 16 23,
                    5 0xfffa_3942, 8 0x8771_f681, 11 0x6d9d_6122, 14 0xfde5_380c);
                steps!(h, 4 11 16 23,
                    1 0xa4be_ea44, 4 0x4bde_cfa9, 7 0xf6bb_4b60, 10 0xbebf_bc70);
                steps!(h, 4 11 16 23,
                    13 0x289b_7ec6, 0 0xeaa1_27fa, 3 0xd4ef_3085, 6 0x0488_1d05);
                steps!(h, 4 11 16 23,
                    9 0xd9d4_d039, 12 0xe6db_99e5, 15 0x1fa2_7cf8, 2 0xc4ac_5665);
                steps!(i, 6 10 15 21,
                    0 0xf429_2244, 7 0x432a_ff97, 14 0xab94_23a7, 5 0xfc93_a039);
                steps!(i, 6 10 15 21,
                    12 0x655b_59c3, 3 0x8f0c_cc92, 10 0xffef_f47d, 1 0x8584_5dd1);
                steps!(i, 6 10 15 21,
                    8 0x6fa8_7e4f, 15 0xfe2c_e6e0, 6 0xa301_4314, 13 0x4e08_11a1);
                steps!(i, 6 10 15 21,
                    4 0xf753_7e82, 11 0xbd3a_f235, 2 0x2ad7_d2bb, 9 0xeb86_d391);
                for group in 0..G {
                    state[0][group] = add(state[0][group], a[group]);
                    state[1][group] = add(state[1][group], b[group]);
                    state[2][group] = add(state[2][group], c[group]);
                    state[3][group] = add(state[3][group], d[group]);
                }
            }
            for group in 0..G {
                for word in 0..4 {
                    store(&mut chaining[group][word], state[word][group]);
                }
            }
        }

        /// Makes each of `words` that word of the block in every lane.
        #[inline]
        $(#[$feature])*
        fn transpose(
            words: &mut [Vector; 16],
            pieces: &[&[[u8; BLOCK_BYTES]]; LANES],
            block: usize,
        ) {
            for word in [0, 4, 8, 12] {
                let rows = quads(pieces, block, word);
                let even = [low_words(rows[0], rows[1]), low_words(rows[2], rows[3])];
                let odd = [high_words(rows[0], rows[1]), high_words(rows[2], rows[3])];
                words[word] = low_pairs(even[0], even[1]);
                words[word + 1] = high_pairs(even[0], even[1]);
                words[word + 2] = low_pairs(odd[0], odd[1]);
                words[word + 3] = high_pairs(odd[0], odd[1]);
            }
        }
    };
}

pub(super) use define_compress;
