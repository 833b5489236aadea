//! Tests of signatures: the vectors, and what must not pass.
