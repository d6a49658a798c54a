namespace JitGrains.Gateway.Network;

internal sealed partial class AddressTables
{
    [LoggerMessage(3060, LogLevel.Information, "The address table has {Countries} ranges with a country and {Networks} with a network's number")]
    private static partial void LogTaken(ILogger logger, int countries, int networks);

    [LoggerMessage(3061, LogLevel.Error, "The address table's files cannot be taken; the last good table stays: {Problem}")]
    private static partial void LogRejected(ILogger logger, string problem);
}
