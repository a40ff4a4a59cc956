"""From plain text to the records that an encoder is pre-trained on."""
