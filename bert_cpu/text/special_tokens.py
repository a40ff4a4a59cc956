"""What BERT's vocabularies call the tokens that are no words."""

# Stands for a word that the vocabulary has no pieces for.
UNKNOWN = "[UNK]"
# Stands where a word is to be guessed.
MASK = "[MASK]"
# All of them, in the order of a new vocabulary: padding, unknown, beginning, end, mask.
SPECIAL_TOKENS = ("[PAD]", UNKNOWN, "[CLS]", "[SEP]", MASK)
