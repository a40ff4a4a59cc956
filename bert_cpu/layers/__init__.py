"""The layers of BERT's encoder."""
