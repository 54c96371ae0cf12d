"""Cases 报警处置单: what a person must do about an alarm (reference supervision §7).

An alarm is a lead, not a finding.
"""
