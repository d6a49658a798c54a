namespace JitGrains.Grants;

/// <summary>What came of an execution.</summary>
[GenerateSerializer, Alias("jit.ExecutionStatus")]
public enum ExecutionStatus
{
    /// <summary>Consumed, and no outcome recorded yet.</summary>
    Started,

    /// <summary>The upstream answered; its status is recorded.</summary>
    Completed,

    /// <summary>It did not reach the upstream, or the upstream did not answer.</summary>
    Failed,

    /// <summary>The gateway died in between. Never guessed, never repeated by itself.</summary>
    Unknown,
}

/// <summary>The outcome of an execution.</summary>
/// <param name="Status">Completed, failed or unknown.</param>
/// <param name="HttpStatus">The upstream's status, where it answered.</param>
/// <param name="Error">Why it failed: one of a fixed set of words, never an upstream's text.</param>
/// <param name="StartedAt">When it was consumed.</param>
/// <param name="EndedAt">When its last byte passed, or when it was given up.</param>
/// <param name="RequestBytes">Body bytes sent to the upstream.</param>
/// <param name="ResponseBytes">Body bytes sent to the caller.</param>
[GenerateSerializer, Alias("jit.ExecutionOutcome")]
public sealed record ExecutionOutcome(
    [property: Id(0)] ExecutionStatus Status,
    [property: Id(1)] int? HttpStatus,
    [property: Id(2)] string? Error,
    [property: Id(3)] DateTimeOffset StartedAt,
    [property: Id(4)] DateTimeOffset EndedAt,
    [property: Id(5)] long RequestBytes,
    [property: Id(6)] long ResponseBytes);

/// <summary>One execution of a counted grant, as the principal's grain and the read model keep it.</summary>
[GenerateSerializer, Alias("jit.ExecutionRecord")]
public sealed record ExecutionRecord
{
    /// <summary>Minted by the gateway, one for each attempt.</summary>
    [Id(0)] public required string Id { get; init; }

    /// <summary>The grant used.</summary>
    [Id(1)] public required string GrantId { get; init; }

    /// <summary>The request behind the grant.</summary>
    [Id(2)] public required string RequestId { get; init; }

    /// <summary>The principal grain's key.</summary>
    [Id(3)] public required string CallerKey { get; init; }

    /// <summary>The gateway incarnation that runs it.</summary>
    [Id(4)] public required string Incarnation { get; init; }

    /// <summary>The action.</summary>
    [Id(5)] public required string Action { get; init; }

    /// <summary>The resource.</summary>
    [Id(6)] public required string Resource { get; init; }

    /// <summary>When the use was taken.</summary>
    [Id(7)] public required DateTimeOffset StartedAt { get; init; }

    /// <summary>Its outcome; null while it runs.</summary>
    [Id(8)] public ExecutionOutcome? Outcome { get; init; }

    /// <summary>The exchanged token by which the call was made; null where it was made otherwise.</summary>
    [Id(9)] public string? TokenId { get; init; }
}
