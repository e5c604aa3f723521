/** For tests in which workers die on purpose: their death is noticed soon. Elsewhere a machine that stands still for seconds kills nobody. */
process.env['HOLDFAST_TEST_LEASE_SECONDS'] = '2';
