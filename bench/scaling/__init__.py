"""How far training scales: measured with two workers, modelled for up to 1,024."""
