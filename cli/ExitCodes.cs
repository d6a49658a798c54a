namespace JitGrains.Cli;

/// <summary>What <c>jit</c> exits with (docs/cli.md).</summary>
internal static class ExitCodes
{
    public const int Ok = 0;

    /// <summary>The server said no, a check failed, or what was asked did not come about.</summary>
    public const int Refused = 1;

    /// <summary>The command line is wrong, or it does not say who calls.</summary>
    public const int Usage = 2;

    /// <summary>The server cannot be reached, or did not answer in time.</summary>
    public const int Unreachable = 3;
}
