using System.Collections.Immutable;

namespace JitGrains.Policy;

/// <summary>What a case expects.</summary>
public enum ExpectedOutcome
{
    /// <summary>Refused: by a rule, by none, or before any rule was looked at.</summary>
    Deny,

    /// <summary>Needs a grant.</summary>
    Approve,

    /// <summary>Let through.</summary>
    Allow,
}

/// <summary>A line of a must-allow, must-approve, must-deny table.</summary>
public sealed record PolicyCase
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>Where it stands.</summary>
    public required SourcePlace Place { get; init; }

    /// <summary>The call.</summary>
    public required PolicyProbe Probe { get; init; }

    /// <summary>What policy must say.</summary>
    public required ExpectedOutcome Expect { get; init; }

    /// <summary>The rule that must decide; null where the case does not say.</summary>
    public string? Rule { get; init; }

    /// <summary>Whether policy itself must approve; null where the case does not say.</summary>
    public bool? Automatic { get; init; }

    /// <summary>The code of the early refusal that must come; null where the case does not say.</summary>
    public string? Refusal { get; init; }

    /// <summary>The limits that must count the call, exactly these in any order; default where the case does not say.</summary>
    public ImmutableArray<string> Limits { get; init; }
}

/// <summary>What came of reading a file of cases.</summary>
/// <param name="Cases">The cases; empty where there is an error.</param>
/// <param name="Problems">All that is wrong.</param>
public sealed record PolicyCasesLoadResult(ImmutableArray<PolicyCase> Cases, ImmutableArray<PolicyProblem> Problems);

/// <summary>What came of a case.</summary>
/// <param name="Case">The case.</param>
/// <param name="Passed">Whether policy said what it must.</param>
/// <param name="Actual">What it said: <c>allow by read-orders</c>, <c>deny (confusable-target)</c>.</param>
/// <param name="Result">All of it, to explain a failure.</param>
public sealed record PolicyCaseResult(PolicyCase Case, bool Passed, string Actual, PolicyProbeResult Result);
