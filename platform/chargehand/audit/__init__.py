"""The action log: records, Merkle tree, checkpoints, proofs, verifier, queries and export."""
